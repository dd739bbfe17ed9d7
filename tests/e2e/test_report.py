"""The report in a real browser: what people do with it, and that names in it do no harm."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.odd_folders import make_odd_folder
from support.programs import run_command
from support.report_page import FOLDER, Opened, write_report
from support.rows import ODD_NAMES, RUN, classified, failed
from taskworker_classifyimage.local.rows import Row
from taskworker_classifyimage.outputs import csv_file
from taskworker_classifyimage.outputs.cells import path_text

HOSTILE = (
    *ODD_NAMES,
    "<img src=x onerror=pwned=1>",
    "</script><script>pwned=1</script>",
    "<!--<script>",
    "\u202egpj.exe",
    "=cmd|' /C calc'!A0",
    "\uff0bSUM(1)",
)
#: Nothing has run that stands in a name.
HARMLESS = "window.pwned === undefined && document.title === 'Classified pictures'"


def make_rows(count: int) -> list[Row]:
    """Hostile names first, then failures, then pictures of one class."""
    names = [f"folder/{number:05}.jpg" for number in range(count - len(HOSTILE) - 20)]
    return [
        *(hostile(name) for name in HOSTILE),
        *(failed(f"bad/{number}.png") for number in range(10)),
        *(failed(f"text/{number}.txt", "unsupported_format") for number in range(10)),
        *(classified(name, (number % 100) / 100, 1e-7) for number, name in enumerate(names)),
    ]


def hostile(name: str) -> Row:
    """A picture of which everything has that name."""
    prediction = {"class": name, "name": name, "probability": 0.5}
    return classified(name, predictions=[prediction], warnings=[name])


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return make_rows(400)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory, rows: list[Row]) -> Path:
    return write_report(tmp_path_factory.mktemp("report"), rows)


@pytest.fixture
def opened(chromium: Any, path: Path) -> Iterator[Opened]:
    """Each test's own page; in none does anything leave, run or fail."""
    report_ = Opened(chromium, path)
    yield report_
    assert [url for url in report_.requests if not url.startswith("data:")] == [path.as_uri()]
    assert report_.complaints == []
    assert report_.page.evaluate(HARMLESS)
    report_.page.close()


def test_only_what_is_in_view_is_in_the_document(opened: Opened) -> None:
    opened.shows("400 files")
    assert opened.page.locator(".cell").count() < 100
    opened.page.locator("#grid").press("End")
    opened.page.locator(".cell[aria-selected=true] img").wait_for()
    assert opened.page.locator(".cell.active").get_attribute("aria-posinset") == "400"
    assert opened.page.locator(".cell").count() < 100


def test_names_are_text(opened: Opened) -> None:
    """Each hostile picture is shown with its name, in the grid and with all its details."""
    from playwright.sync_api import expect  # noqa: PLC0415 - not always installed

    for place in range(len(HOSTILE)):
        cell = opened.page.locator(f"#place-{place}")
        cell.click()
        name = cell.locator(".name").text_content()
        expect(opened.page.locator("#details h2")).to_have_text(name)
    assert opened.page.locator("#details img").count() == 1
    assert opened.page.locator("#details script").count() == 0


def test_search_and_filters(opened: Opened, rows: list[Row]) -> None:
    page = opened.page
    page.keyboard.press("/")
    page.keyboard.type("0001")
    opened.shows("11 of 400 files")
    page.keyboard.type("7.jpg folder")
    opened.shows("1 of 400 files")
    page.locator("#reset").click()
    opened.shows("400 files")
    page.locator("#least").fill("90")
    likely = [row for row in rows if row.code is None and best(row) >= 0.9]
    opened.shows(f"{len(likely)} of 400 files")
    # What was not classified has no probability to filter by.
    page.locator(".tab.failed").click()
    opened.shows("10 of 400 files")
    page.locator(".reason").first.wait_for()
    assert page.locator(".reason").first.text_content() == "the picture is damaged"
    page.locator(".tab.not_a_picture").click()
    page.locator("#groups button").click()
    opened.shows("10 of 400 files")


def best(row: Row) -> float:
    predictions: Any = row.result["predictions"]
    return float(predictions[0]["probability"])


def test_a_picture_of_several_labels_is_found_by_each(chromium: Any, tmp_path: Path) -> None:
    """Where classes do not exclude each other, a group has all pictures that show it."""
    rows = [
        classified("both.jpg", 0.9, 0.6, kind="independent"),
        classified("one.jpg", 0.8, kind="independent"),
        classified("none.jpg", predictions=[], kind="independent"),
        failed("broken.jpg"),
    ]
    report_ = Opened(chromium, write_report(tmp_path, rows, kind="independent"))
    page = report_.page
    assert page.locator("#groups button").all_text_contents() == ["Name 12", "Name 21"]
    page.locator("#groups button").nth(1).click()
    report_.shows("1 of 4 files")
    assert page.locator("#place-0").get_attribute("aria-label") == "both.jpg, Name 2, 60.0%"
    page.locator("#reset").click()
    page.keyboard.press("/")
    page.keyboard.type("name 2")
    report_.shows("1 of 4 files")
    assert "independent: each class stands for itself" in page.locator("#about").text_content()
    assert report_.complaints == []
    page.close()


def test_order(opened: Opened) -> None:
    """The least certain first; files without a probability last."""
    opened.page.locator("#sort").select_option("least")
    assert "0.0%" in opened.page.locator("#place-0").get_attribute("aria-label")
    opened.page.locator("#grid").press("End")
    assert "supported picture" in opened.page.locator("#place-399").get_attribute("aria-label")


def test_the_exported_table_is_the_one_for_excel(
    opened: Opened, rows: list[Row], tmp_path: Path
) -> None:
    """To the byte, with formulas disarmed."""
    with opened.page.expect_download() as download:
        opened.page.locator("#csv").click()
    csv_file.write(tmp_path / "table.csv", rows, RUN, excel=True, sha256=True)
    exported = Path(download.value.path()).read_bytes()
    assert exported.splitlines() == (tmp_path / "table.csv").read_bytes().splitlines()


def test_a_selection_by_keys_is_copied(chromium: Any, path: Path, rows: list[Row]) -> None:
    context = chromium.new_context(permissions=["clipboard-read", "clipboard-write"])
    opened = Opened(context, path)
    grid = opened.page.locator("#grid")
    grid.press("ArrowRight")
    grid.press("Shift+ArrowRight")
    grid.press("Shift+ArrowRight")
    opened.shows("400 files · 3 selected")
    grid.press("c")
    opened.shows("3 paths copied")
    copied = opened.page.evaluate("navigator.clipboard.readText()")
    assert copied == "\n".join(path_text(row.path) for row in rows[:3])
    grid.press("Control+a")
    opened.shows("400 files · 400 selected")
    grid.press("Escape")
    opened.shows("400 files")
    context.close()


def test_enter_opens_the_details_and_escape_closes_them(opened: Opened) -> None:
    """The focus goes with them, and the picture stays in view."""
    grid, pane = opened.page.locator("#grid"), opened.page.locator("#details")
    grid.press("End")
    grid.press("Enter")
    pane.get_by_text("SHA-256").wait_for()
    assert opened.page.evaluate("document.activeElement.id") == "details"
    opened.page.keyboard.press("Escape")
    assert pane.is_hidden()
    assert opened.page.evaluate("document.activeElement.id") == "grid"
    cell, view = opened.page.locator(".cell.active").bounding_box(), grid.bounding_box()
    assert cell["y"] + cell["height"] <= view["y"] + view["height"]


def test_groups_have_headings(opened: Opened) -> None:
    opened.page.locator("#sort").select_option("group")
    heading = opened.page.locator(".heading").first
    assert heading.text_content() == f"Name 1 \u00b7 {400 - 20 - len(HOSTILE)}"


def test_all_filtered_pictures_are_printed(opened: Opened) -> None:
    """Not only those in view."""
    opened.page.locator("#search").fill("folder/")
    opened.shows(f"{400 - 20 - len(HOSTILE)} of 400 files")
    opened.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    printed = opened.page.locator("#paper figure")
    assert printed.count() == 400 - 20 - len(HOSTILE)
    opened.page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert printed.count() == 0


def test_a_folder_is_loaded_where_it_comes_into_view(chromium: Any, tmp_path: Path) -> None:
    path = write_report(tmp_path, make_rows(20_500))
    opened = Opened(chromium, path)
    opened.page.locator("#place-0 img").wait_for()
    opened.page.locator("#grid").press("End")
    opened.page.locator("#place-20499 img").wait_for()
    scripts = {Path(url).name for url in opened.requests if url.endswith(".js")}
    assert scripts == {"0.js", "20.js"}
    assert opened.complaints == []
    opened.page.close()


def test_a_lost_folder_is_told(chromium: Any, tmp_path: Path) -> None:
    path = write_report(tmp_path, make_rows(20_500))
    shutil.rmtree(tmp_path / FOLDER)
    opened = Opened(chromium, path)
    opened.page.get_by_text("put the folder that belongs to this report back").wait_for()
    opened.shows("20,500 files")
    opened.page.close()


@pytest.mark.skipif(sys.platform != "linux", reason="names of Linux")
def test_a_run_leaves_a_report_with_each_file(chromium: Any, tmp_path: Path) -> None:
    """The command on a folder with odd names and broken files; --resume keeps the thumbnails."""
    folder, path = make_odd_folder(tmp_path / "odd", 40), tmp_path / "report.html"
    for more in ((), ("--resume",)):
        command = ("classify", str(folder.path), f"--output={path}", *more)
        assert run_command(*command, model="EfficientNetLite0").returncode == 1
        opened = Opened(chromium, path)
        opened.shows(f"{len(folder.files)} files")
        opened.page.locator(".tab.ok").click()
        opened.shows(f"{len(folder.good)} of {len(folder.files)} files")
        opened.page.locator("#grid").press("Home")
        picture = opened.page.locator(".cell.active img")
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
        opened.page.locator(".tab.failed").click()
        opened.shows(f"{len(folder.broken)} of {len(folder.files)} files")
        assert opened.complaints == []
        opened.page.close()


def test_a_folder_that_is_no_reports_is_left_alone(tmp_path: Path) -> None:
    """It has the name that a large report's folder would get."""
    (tmp_path / "report.html_files").mkdir()
    ended = run_command("classify", str(tmp_path), f"--output={tmp_path / 'report.html'}")
    assert (ended.returncode, (tmp_path / "report.html_files").is_dir()) == (2, True)
    assert "report.html_files exists; --overwrite replaces it" in ended.stderr
