"""The tool's verdicts: what other decoders agree on is what is right."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.append(str(Path(__file__).parents[2] / "tools"))

from decoders.judging import Finding, examine, judge
from decoders.page import count_suites, write_page
from decoders.programs import SIDE, Pixels, to_pixels
from support import corpus


def plain(*colour: int) -> Pixels:
    return np.full((SIDE, SIDE, 3), colour, np.uint8)


RED, ALSO_RED, BLUE, GREEN = plain(250, 0, 0), plain(245, 5, 0), plain(0, 0, 250), plain(0, 250, 0)


@pytest.mark.parametrize(
    ("ours", "others", "verdict"),
    [
        (RED, [ALSO_RED, RED], "right"),
        (RED, [ALSO_RED, BLUE], "right"),
        (BLUE, [RED, ALSO_RED], "wrong pixels"),
        (GREEN, [RED, BLUE], "nobody to compare with"),
        (RED, [], "nobody to compare with"),
        (None, [RED, ALSO_RED], "wrong refusal"),
        (None, [RED, BLUE], "refused"),
        (None, [], "refused"),
    ],
)
def test_two_others_that_agree_decide(
    ours: Pixels | None, others: list[Pixels], verdict: str
) -> None:
    assert judge(ours, {str(number): each for number, each in enumerate(others)}) == verdict


def test_pictures_of_any_mode_become_alike() -> None:
    """On grey, in 8 bits, in sRGB."""
    clear = Image.new("RGBA", (300, 200), (255, 0, 0, 0))
    assert (to_pixels(corpus.save(clear, "PNG")) == 127).all()
    wide = Image.fromarray(np.full((20, 20), 0x8000, np.uint16))
    assert (to_pixels(corpus.save(wide, "PNG")) == 128).all()


def test_the_page_shows_what_is_wrong(tmp_path: Path) -> None:
    wrong = Finding("suite/<b>.png", "wrong pixels", "", BLUE, {"one": RED, "two": ALSO_RED})
    findings = [
        wrong,
        Finding("suite/a.png", "right", "", RED),
        Finding("c.png", "refused", "", None),
    ]
    assert count_suites(findings) == [(".", [1, 0, 1, 0, 0, 0]), ("suite", [2, 1, 0, 0, 1, 0])]
    write_page(tmp_path / "page.html", findings, ["one", "two"])
    page = (tmp_path / "page.html").read_text()
    assert page.count("<img") == 3
    assert "suite/&lt;b&gt;.png" in page


def test_a_file_is_examined_with_the_products_decoder(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    corpus.reference().save(buffer, "PNG")
    (tmp_path / "a.png").write_bytes(buffer.getvalue())
    (tmp_path / "b.txt").write_bytes(b"a text")
    assert examine(tmp_path, tmp_path / "a.png", timeout_s=60).ours is not None
    found = examine(tmp_path, tmp_path / "b.txt", timeout_s=60)
    assert found.said.startswith("unsupported_format")
    assert found.verdict in ("refused", "wrong refusal")
