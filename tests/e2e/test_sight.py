"""`doctor --pictures`: a page that shows a person what a model takes a few pictures for."""

import base64
import io
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from support.packs import SIZE, colour_network, labelling_network, write_pack
from support.same_process import RunHere


def fill(folder: Path, count: int) -> None:
    """Red pictures, then as many green ones, and a text."""
    for number in range(2 * count):
        place = folder / ("a_red" if number < count else "b_green")
        place.mkdir(parents=True, exist_ok=True)
        colour = (200, 0, 0) if number < count else (0, 200, 0)
        Image.new("RGB", (40, 30), colour).save(place / f"&{number:02}.png")
    (folder / "notes.txt").write_text("mine", encoding="utf-8")


def test_ten_pictures_from_all_over_a_folder_are_shown_with_their_classes(
    tmp_path: Path, run_here: RunHere
) -> None:
    """As the network sees them, with nothing in a name that a browser would run."""
    fill(tmp_path / "pictures", 20)
    pack = write_pack(tmp_path / "pack", colour_network(), output__names__en=["<b>", "gr&n", "x"])
    page = tmp_path / "sight.html"
    flags = ("--model", str(pack), "--pictures", str(tmp_path / "pictures"), "--page", str(page))
    for _ in range(2):
        # Again after a change of the pack: its own page may be replaced.
        ended = run_here("doctor", *flags)
        assert "sight.html shows the best classes of 10 pictures" in ended.stdout
    text = page.read_text(encoding="utf-8")
    best = re.findall(r'<li class="best"><bdi>(.*?)</bdi>', text)
    assert best == ["&lt;b&gt;"] * 5 + ["gr&amp;n"] * 5
    assert re.search(r"<bdi>a_red.&amp;\d\d\.png</bdi>", text)
    assert "<b>" not in text
    encoded = re.findall(r"base64,([^\"]+)", text)
    with Image.open(io.BytesIO(base64.b64decode(encoded[0]))) as first:
        assert (first.size, first.getpixel((5, 5))) == ((SIZE, SIZE), (200, 0, 0))


def test_a_picture_without_a_label_and_a_browser(
    tmp_path: Path, run_here: RunHere, chromium: Any
) -> None:
    """The page has no script, loads nothing, and says where nothing was found."""
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (40, 30)).save(tmp_path / "pictures" / "black.png")
    kind = {"output__kind": "independent"}
    pack = write_pack(tmp_path / "pack", labelling_network(), **kind)
    page = tmp_path / "page.html"
    pictures = str(tmp_path / "pictures")
    run_here("doctor", "--model", str(pack), "--pictures", pictures, "--page", str(page))
    context = chromium.new_context()
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.goto(page.as_uri())
    assert opened.locator("figure li").all_text_contents() == ["nothing that reaches the threshold"]
    assert opened.evaluate("document.images[0].naturalWidth") == SIZE
    context.close()
    assert complaints == []


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (("--pictures", "none"), "--pictures: there is no folder none"),
        (("--pictures", ".", "--page", "none/a.html"), "--page: there is no folder none"),
        (("--pictures", ".", "--page", "mine.html"), "mine.html is there already"),
    ],
)
def test_what_cannot_be_shown_is_told_at_once(
    tmp_path: Path,
    run_here: RunHere,
    monkeypatch: pytest.MonkeyPatch,
    flags: tuple[str, ...],
    problem: str,
) -> None:
    """In one line, and another file of that name stays as it is."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.html").write_text("mine", encoding="utf-8")
    ended = run_here("doctor", *flags)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert problem in ended.stderr
    assert (tmp_path / "mine.html").read_text(encoding="utf-8") == "mine"


def test_a_folder_without_pictures_is_a_problem(tmp_path: Path, run_here: RunHere) -> None:
    (tmp_path / "pictures").mkdir()
    page = tmp_path / "sight.html"
    ended = run_here("doctor", "--pictures", str(tmp_path / "pictures"), "--page", str(page))
    assert ended.returncode == 1
    assert "there is no picture in" in ended.stdout
    assert not page.exists()
