"""The report of a run with categories in a real browser: counts, filters, groups, details."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.report_page import Opened, write_report
from support.rows import RUN, classified, failed
from taskworker_classifyimage.local.rows import Row
from taskworker_classifyimage.outputs import csv_file

LEVELS = {"food": "coarse", "drink": "fine", "dish": "fine", "weapon": "coarse", "blade": "fine"}


def row(path: str, **sums: float) -> Row:
    """A picture with these probabilities of categories, in per cent."""
    categories = [
        {
            "id": each,
            "name": f"{each.title()} things",
            "level": LEVELS.get(each, "overlapping"),
            "probability": percent / 100,
        }
        for each, percent in sorted(sums.items(), key=lambda item: -item[1])
    ]
    return classified(path, 0.4, categories=categories)


ROWS = [
    row("wine.jpg", food=99, drink=95, alcohol=90, dish=4),
    row("tea.jpg", food=90, drink=60, dish=30, alcohol=10),
    row("cake.jpg", food=70, dish=65, drink=5, blade=20, weapon=20),
    row("knife.jpg", weapon=55, blade=45, food=40, dish=38),
    classified("none.jpg", 0.9),
    failed("bad.jpg"),
    # What --min-probability leaves of an unsure picture.
    row("unsure.jpg", food=51),
]
ROWS[-1].result["predictions"].clear()  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(tmp_path_factory.mktemp("report"), ROWS, categories=True)


@pytest.fixture
def opened(chromium: Any, path: Path) -> Iterator[Opened]:
    report = Opened(chromium, path)
    yield report
    assert report.complaints == []
    report.page.close()


def groups(opened: Opened) -> list[str]:
    """The entries of the list, with their levels."""
    entries = opened.page.locator("#groups li").all()
    return [f"{entry.get_attribute('class')}: {entry.text_content()}" for entry in entries]


def shows_files(opened: Opened, *names: str) -> None:
    """Waits until just these pictures are shown, in this order."""
    from playwright.sync_api import expect  # noqa: PLC0415 - not always installed

    expect(opened.page.locator(".cell .name")).to_have_text(list(names))


def test_categories_are_listed_by_level_with_counts(opened: Opened) -> None:
    """A picture counts in all that are more likely than not, or that the sliders say."""
    opened.shows("7 files")
    assert groups(opened) == [
        "coarse: Food things4",
        "fine: Drink things2",
        "fine: Dish things1",
        "coarse: Weapon things1",
        "part: Overlapping",
        "overlapping: Alcohol things1",
    ]
    assert opened.page.locator("#groups-title").text_content() == "5 categories, 50\u2013100 %"
    opened.page.locator("#least").fill("20")
    opened.shows("7 files")
    assert groups(opened) == [
        "coarse: Food things5",
        "fine: Dish things3",
        "fine: Drink things2",
        "coarse: Weapon things2",
        "fine: Blade things2",
        "part: Overlapping",
        "overlapping: Alcohol things1",
    ]


def test_a_category_filters_and_its_probability_sorts(opened: Opened) -> None:
    page = opened.page
    page.get_by_role("button", name="Food things").click()
    page.locator("#sort").select_option("least")
    opened.shows("4 of 7 files")
    shows_files(opened, "unsure.jpg", "cake.jpg", "tea.jpg", "wine.jpg")
    assert page.locator("#place-1").get_attribute("aria-label") == "cake.jpg, Food things, 70.0%"
    page.locator("#least").fill("30")
    opened.shows("5 of 7 files")
    page.locator("#most").fill("60")
    opened.shows("2 of 7 files")
    shows_files(opened, "knife.jpg", "unsure.jpg")
    page.locator("#reset").click()
    opened.shows("7 files")
    assert page.locator("#least").input_value() == "50"


def test_groups_are_the_best_fine_categories(opened: Opened) -> None:
    """Each picture is in one, also the unsure ones; by class on request."""
    page = opened.page
    page.locator("#sort").select_option("group")
    headings = page.locator(".heading")
    assert headings.all_text_contents() == [
        "Drink things \u00b7 2",
        "Blade things \u00b7 1",
        "Dish things \u00b7 1",
        "Without a category \u00b7 3",
    ]
    page.locator("#by-class").click()
    assert headings.all_text_contents() == ["Name 1 \u00b7 5", "Without a class \u00b7 2"]
    page.locator("#least").fill("50")
    opened.shows("1 of 7 files")


def test_search_finds_categories(opened: Opened) -> None:
    """The best one, however unsure, and all likely ones; by their names or ids."""
    for words, expected in (
        ("blade", ["knife.jpg"]),
        ("WEAPON", ["knife.jpg"]),
        ("alcohol things", ["wine.jpg"]),
        ("drink", ["wine.jpg", "tea.jpg"]),
    ):
        opened.page.locator("#search").fill(words)
        shows_files(opened, *expected)


def test_the_details_show_likely_categories_of_each_level(opened: Opened) -> None:
    opened.page.locator("#place-0").click()
    sections = opened.page.locator("#details section")
    opened.page.locator("#details .facts").wait_for()
    assert [" ".join(each.locator("h3, .name").all_text_contents()) for each in sections.all()] == [
        "Coarse categories Food things",
        "Categories Drink things Dish things",
        "Overlapping categories Alcohol things",
        "Predictions Name 1",
    ]


def test_the_exported_table_is_the_one_for_excel(opened: Opened, tmp_path: Path) -> None:
    with opened.page.expect_download() as download:
        opened.page.locator("#csv").click()
    run = {**RUN, "categories": True}
    csv_file.write(tmp_path / "table.csv", ROWS, run, excel=True, sha256=True)
    exported = Path(download.value.path()).read_bytes()
    assert exported.splitlines() == (tmp_path / "table.csv").read_bytes().splitlines()
