"""A report in a real browser: whatever a file is called stays text, and nothing leaves the page."""

import csv
import io
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from support.odd_folders import make_odd_folder
from support.programs import run_command
from support.rows import ODD_NAMES, RUN, classified, failed
from taskworker_classifyimage.local.rows import Row
from taskworker_classifyimage.outputs import report
from taskworker_classifyimage.outputs.cells import path_text

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
HOSTILE_NAMES = (
    "<img src=x onerror=hacked()>.jpg",
    "</script><script>hacked()</script>.jpg",
    "<!--<script>.jpg",
    "javascript:hacked().jpg",
    "\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe",
    "{{title}}.jpg",
    *ODD_NAMES,
)
MANY = 300
#: An odd name, as the name of a page is.
FOLDER = "report #1 100% ü_files"

# Types of Playwright would be needed wherever the tests are checked.
Page = Any


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        assert os.environ.get("CI") != "true", "chromium has to be there: .ci/run installs it"
        pytest.skip("chromium is not installed (Debian: chromium)")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(executable_path=CHROMIUM)
        yield started
        started.close()


def thumbnail(row: Row) -> bytes | None:
    if row.code is not None:
        return None
    encoded = io.BytesIO()
    Image.new("RGB", (96, 64), "teal").save(encoded, "JPEG")
    return encoded.getvalue()


def rows() -> list[Row]:
    """Hostile names as paths, classes, warnings and errors, then ordinary ones."""
    hostile = [
        Row(
            f"odd/{name}",
            {
                "predictions": [{"class": name, "name": name, "probability": 0.5}],
                "warnings": [name],
            },
        )
        for name in HOSTILE_NAMES
    ]
    bad = [failed(f"bad/{name}", error=name) for name in HOSTILE_NAMES]
    plain = [classified(f"plain/{number:03}.jpg", number / MANY, 0.1) for number in range(MANY)]
    return [*hostile, *bad, *plain]


@contextmanager
def opened(browser: Any, path: Path) -> Iterator[Page]:
    """A page from its file; it may ask for nothing but the files of its folder."""
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    page = context.new_page()
    requests: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    page.add_init_script("globalThis.hacked = () => { globalThis.wasHacked = true; };")
    page.goto(path.as_uri())
    yield page
    allowed = (path.as_uri(), f"{path.with_name(FOLDER).as_uri()}/", "data:image/", "blob:null/")
    assert [url for url in requests if not url.startswith(allowed)] == []
    assert complaints == []
    assert not page.evaluate("Boolean(globalThis.wasHacked)")
    context.close()


@pytest.fixture
def page(tmp_path: Path, browser: Any) -> Iterator[Page]:
    path = tmp_path / "report.html"
    assert not report.write(path, tmp_path / FOLDER, FOLDER, rows(), RUN, thumbnail)
    with opened(browser, path) as shown:
        yield shown


def count(page: Page) -> str:
    return str(page.locator("#count").inner_text())


def search(page: Page, text: str) -> None:
    page.fill("#search", text)
    page.wait_for_timeout(300)


def width_of_active(page: Page) -> int:
    """The width of the thumbnail that the keys have led to, in pixels; waits for it."""
    picture = page.locator(".cell.active img")
    return int(picture.evaluate("image => image.decode().then(() => image.naturalWidth)"))


def test_hostile_names_are_shown_as_text(page: Page) -> None:
    """In the grid, in the pane, in the list of classes, and on paper."""
    for name in HOSTILE_NAMES[:3]:
        search(page, f"odd/{name}")
        assert page.locator(".cell").count() == 1
        page.locator(".cell").click()
        assert name in page.locator("#details").inner_text()
    search(page, "")
    page.keyboard.press("Escape")
    page.locator("#unselect").click()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#paper figure").count() == 2 * len(HOSTILE_NAMES) + MANY
    assert page.locator("script").count() == page.locator("body > script").count()
    assert page.locator("img:not([src^='data:image/'])").count() == 0


def test_a_reading_direction_cannot_be_turned(page: Page) -> None:
    search(page, "gpj.exe")
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in page.locator("#grid").inner_text()


def test_only_what_is_in_view_is_in_the_document(page: Page) -> None:
    assert 0 < page.locator(".cell").count() < 150
    page.locator("#grid").focus()
    page.keyboard.press("End")
    page.wait_for_selector(f"[title='plain/{MANY - 1:03}.jpg']")
    assert page.locator(".cell").count() < 150
    assert width_of_active(page) == 96


def test_search_status_and_probability_filter(page: Page) -> None:
    total = 2 * len(HOSTILE_NAMES) + MANY
    assert str(total) in count(page)
    search(page, "plain/01")
    assert page.locator(".cell").count() == 10
    search(page, "")
    page.locator(".tab.failed").click()
    assert page.locator(".cell").count() > 0
    assert str(len(HOSTILE_NAMES)) in count(page)
    page.locator(".tab.all").click()
    page.locator("#least").fill("90")
    page.wait_for_timeout(200)
    # 0.90 to 299/300.
    assert "30 " in count(page)


def test_a_table_of_the_selection_has_no_formula(page: Page) -> None:
    """Every value is there, and none that a spreadsheet would compute."""
    page.locator("#grid").focus()
    page.keyboard.press("Control+a")
    with page.expect_download() as download:
        page.locator("#csv").click()
    text = Path(download.value.path()).read_bytes().decode("utf-8-sig")
    found = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";", strict=True))
    expected = [path_text(row.path) for row in rows()]
    assert [each["path"].removeprefix("'") for each in found] == expected
    formulas = [each for row in found for each in row.values() if each.startswith(("=", "-", "@"))]
    assert formulas == []


def test_thumbnails_of_many_pictures_are_loaded_from_a_folder(tmp_path: Path, browser: Any) -> None:
    """What is not scrolled to is not loaded."""
    path, many = tmp_path / "report.html", 20_001
    all_rows = (classified(f"plain/{number:05}.jpg") for number in range(many))
    picture = thumbnail(classified("1.jpg"))
    assert report.write(path, tmp_path / FOLDER, FOLDER, all_rows, RUN, lambda _: picture)
    assert path.stat().st_size < 2**21
    with opened(browser, path) as page:
        page.wait_for_selector(".cell img")
        page.locator("#grid").focus()
        page.keyboard.press("End")
        assert width_of_active(page) == 96
        assert page.locator("[title='plain/20000.jpg']").count() == 1
        assert page.evaluate("performance.memory.usedJSHeapSize") < 2**26


@pytest.mark.skipif(sys.platform != "linux", reason="names of Linux")
def test_a_run_leaves_a_report_that_shows_each_file(tmp_path: Path, browser: Any) -> None:
    """The command on a folder with odd names and broken files, and again with --resume."""
    folder, path = make_odd_folder(tmp_path / "odd", 40), tmp_path / "report.html"
    command = ("classify", str(folder.path), f"--output={path}")
    for more, status in (((), 1), (("--resume",), 0)):
        ended = run_command(*command, *more, model="EfficientNetLite0")
        assert ended.returncode == status
        with opened(browser, path) as page:
            assert count(page).startswith(f"{len(folder.files)} ")
            page.locator(".tab.ok").click()
            assert f"{len(folder.good)} " in count(page)
            page.locator("#grid").focus()
            page.keyboard.press("Home")
            assert 1 <= width_of_active(page) <= 96
            page.locator(".tab.failed").click()
            assert f"{len(folder.broken)} " in count(page)
    (tmp_path / "other.html_files").mkdir()
    ended = run_command("classify", str(folder.path), f"--output={tmp_path / 'other.html'}")
    assert (ended.returncode, (tmp_path / "other.html_files").is_dir()) == (2, True)
    assert "other.html_files exists; --overwrite replaces it" in ended.stderr
