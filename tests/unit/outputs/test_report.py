"""The report's writer: the page holds every row exactly, and nothing in it ends a script."""

import base64
import hashlib
import html
import json
import re
import tempfile
import tracemalloc
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.rows import ODD_NAMES, RUN, classified, failed
from taskworker_classifyimage.errors import ErrorCode
from taskworker_classifyimage.local.rows import Row, to_text
from taskworker_classifyimage.outputs import report
from taskworker_classifyimage.outputs.cells import path_text, to_unicode

_DATA = re.compile(
    r'<script type="application/json" id="([a-z]+)(?:-\d+)?">(.*?)</script>', re.DOTALL
)
_THUMBNAIL = b"RIFF\0\xff"
_TEXTS = st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=8)
_PROBABILITIES = st.floats(0, 1)
_PREDICTIONS = st.fixed_dictionaries(
    {"class": _TEXTS, "name": _TEXTS, "probability": _PROBABILITIES}
)
_CATEGORIES = st.fixed_dictionaries(
    {
        "id": _TEXTS | st.sampled_from(["drink", "food"]),
        "name": _TEXTS,
        "level": st.sampled_from(["fine", "coarse", "overlapping"]),
        "probability": _PROBABILITIES,
    }
)
_RESULTS = st.fixed_dictionaries(
    {"predictions": st.lists(_PREDICTIONS, max_size=3)},
    optional={
        "categories": st.lists(_CATEGORIES, max_size=2),
        "warnings": st.lists(_TEXTS, max_size=2),
    },
) | st.fixed_dictionaries(
    {"predictions": st.just([]), "error": _TEXTS, "code": st.sampled_from(list(ErrorCode))}
)
_ROWS = st.builds(
    Row,
    st.lists(_TEXTS, min_size=1, max_size=3).map("/".join),
    _RESULTS,
    st.none() | st.integers(0, 2**50),
    st.none() | st.integers(0, 2**62),
    st.none() | st.just("ab" * 32),
)


@dataclass(slots=True)
class Page:
    """A page, read as its script reads it."""

    text: str
    facts: Any
    index: list[Any]
    details: list[Any]


def write(folder: Path, rows: Iterable[Row], language: str = "en") -> Page:
    """Writes a page without a folder, and reads it."""
    path, files, run = folder / "page.html", folder / "files", {**RUN, "language": language}
    assert not report.write(path, files, "files", rows, run, lambda _: _THUMBNAIL)
    assert not files.exists()
    return read(path.read_text(encoding="utf-8"))


def read(text: str) -> Page:
    found: dict[str, list[Any]] = {"facts": [], "index": [], "block": [], "texts": []}
    for name, data in _DATA.findall(text):
        found[name].append(json.loads(data))
    index = [entry for block in found["index"] for entry in block]
    details = [entry for block in found["block"] for entry in block]
    return Page(text, found["facts"][0], index, details)


def pairs(flat: list[Any]) -> list[tuple[Any, float]]:
    return list(zip(flat[::2], flat[1::2], strict=True))


@settings(deadline=None)
@given(st.lists(_ROWS, max_size=8))
def test_a_page_holds_every_row(rows: list[Row]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        page = write(Path(folder), rows)
    folder_of_row = ""
    for row, entry, detail in zip(rows, page.index, page.details, strict=True):
        folder_of_row = folder_of_row if entry[0] == 0 else entry[0]
        assert folder_of_row + entry[1] == path_text(row.path)
        assert ("ok", "not_a_picture", "failed")[entry[2]] == row.status
        check_result(row, entry, detail, page.facts)
        modified = None if row.modified_ns is None else to_text(row.modified_ns)
        thumbnail = base64.b64encode(_THUMBNAIL).decode()
        assert detail[:4] == [thumbnail, row.size_bytes, modified, row.sha256]
    assert page.facts["counts"] == Counter(row.status for row in rows)


def check_result(row: Row, entry: list[Any], detail: list[Any], facts: Any) -> None:
    """What was recognised, or why nothing was, is the row's."""
    result: Any = row.result
    assert [(*facts["classes"][number], each) for number, each in pairs(detail[4])] == [
        (to_unicode(each["class"]), to_unicode(each["name"]), each["probability"])
        for each in result["predictions"]
    ]
    categories = result.get("categories", [])
    assert [(facts["categories"][number][:3], each) for number, each in pairs(detail[5])] == [
        ([to_unicode(each[key]) for key in ("id", "name", "level")], each["probability"])
        for each in categories
    ]
    assert detail[6] == [to_unicode(each) for each in result.get("warnings", [])]
    assert detail[7] == (to_unicode(result["error"]) if "error" in result else None)
    if row.code is not None:
        assert facts["codes"][entry[3]] == row.code
    elif detail[4]:
        assert entry[3] == detail[4][0]
        assert entry[4] == pytest.approx(detail[4][1], abs=6e-5)
    else:
        assert entry[3:5] == ([None, None] if categories else [])
    if row.code is None:
        check_index(pairs(entry[5:]), categories, facts)


def check_index(indexed: list[Any], categories: list[Any], facts: Any) -> None:
    """It has the best category of each level, and all others that are likely."""
    firsts = {each["level"]: place for place, each in reversed(list(enumerate(categories)))}
    expected = [
        each
        for place, each in enumerate(categories)
        if each["probability"] >= 0.05 or firsts[each["level"]] == place
    ]
    assert [facts["categories"][number][0] for number, _ in indexed] == [
        to_unicode(each["id"]) for each in expected
    ]
    for (number, probability), each in zip(indexed, expected, strict=True):
        assert probability == pytest.approx(each["probability"], abs=6e-5)
        parents = {"drink": "food"}
        assert facts["categories"][number][3] == parents.get(each["id"], "")


@pytest.mark.parametrize("name", [*ODD_NAMES, "</script><!--<script>", "\u2028\u202e"])
def test_odd_texts_are_data(tmp_path: Path, name: str) -> None:
    """Wherever they stand, there are the page's own script elements and no others."""
    plain = write(tmp_path, [classified("a"), failed("b")])
    category = {"id": name, "name": name, "level": name, "probability": 1.0}
    odd = classified(name, warnings=[name], categories=[category])
    page = write(tmp_path, [odd, failed(name, error=name)])
    assert page.text.count("<script") == plain.text.count("<script")
    assert page.text.count("</script") == plain.text.count("</script")
    assert "<!--" not in page.text


def test_more_than_20_000_files_have_a_folder(tmp_path: Path) -> None:
    """The folder's scripts hold what the page would; the page holds the index."""
    path, files = tmp_path / "page.html", tmp_path / "files"
    rows = (classified(f"{number}.jpg") for number in range(20_001))
    assert report.write(path, files, "name_files", rows, RUN, lambda _: _THUMBNAIL)
    page = read(path.read_text(encoding="utf-8"))
    assert [entry[1] for entry in page.index] == [f"{number}.jpg" for number in range(20_001)]
    assert page.details == []
    assert page.facts["folder"] == "name_files"
    assert sorted(each.name for each in files.iterdir()) == sorted(f"{n}.js" for n in range(21))
    script = (files / "20.js").read_text()
    assert script.startswith("takeBlock(20,[[")
    assert len(json.loads(script.removeprefix("takeBlock(20,").removesuffix(");\n"))) == 1


def test_exactly_20_000_files_need_no_folder(tmp_path: Path) -> None:
    page = write(tmp_path, (failed(f"{number}.jpg") for number in range(20_000)))
    assert len(page.details) == 20_000


def test_writing_holds_one_block_in_memory(tmp_path: Path) -> None:
    """Ten times the rows need no more of it."""
    thumbnail = bytes(1500)
    peaks = []
    for name, count in (("few", 1500), ("many", 15_000)):
        rows = (classified(f"{number}.jpg") for number in range(count))
        tracemalloc.start()
        page, files = tmp_path / name, tmp_path / f"{name}_files"
        report.write(page, files, files.name, rows, RUN, lambda _: thumbnail)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0] < 30e6


def test_an_empty_run_has_a_page(tmp_path: Path) -> None:
    assert write(tmp_path, []).index == []


@pytest.mark.parametrize(("language", "known"), [("de", "de"), ("de-AT", "de"), ("fr", "en")])
def test_the_page_speaks_the_language_of_the_run(tmp_path: Path, language: str, known: str) -> None:
    page = write(tmp_path, [classified("a")], language).text
    assert f'<html lang="{known}">' in page
    assert "{{" not in page


def test_the_policy_knows_the_script_and_the_style(tmp_path: Path) -> None:
    """Nothing else runs, and nothing is loaded; with a folder, other files are."""
    text = write(tmp_path, [classified("a")]).text
    policy = html.unescape(re.search(r'Policy" content="([^"]*)"', text)[1])  # type: ignore[index]
    for element in ("script", "style"):
        content = re.search(rf"<{element}>(.*?)</{element}>", text, re.DOTALL)
        assert content is not None
        digest = base64.b64encode(hashlib.sha256(content[1].encode()).digest()).decode()
        assert f"{element}-src 'sha256-{digest}';" in policy
    assert "default-src 'none'" in policy
    assert "'self'" not in policy


def test_all_languages_have_the_same_texts() -> None:
    """And all texts that the scripts and the page name, codes of errors among them."""
    parts = resources.files(report) / "parts"
    english, german = (
        json.loads((parts / f"texts.{language}.json").read_text("utf-8"))
        for language in ("en", "de")
    )
    assert english.keys() == german.keys()
    for name, text in english.items():
        assert re.findall(r"\{\w+\}", text) == re.findall(r"\{\w+\}", german[name])
    assert {f"code_{code}" for code in ErrorCode} <= english.keys()
    assert {f"run_{name}" for name in RUN} - english.keys() == {"run_counts", "run_failed_by_code"}
    scripts = "".join(
        each.read_text("utf-8") for each in parts.iterdir() if each.name.endswith(".js")
    )
    assert set(re.findall(r'\bsay\("(\w+)"', scripts)) <= english.keys()
    for counted in re.findall(r'\bsayCount\("(\w+)"', scripts):
        assert {f"{counted}_one", f"{counted}_other"} <= english.keys()


def test_texts_go_into_the_page_only_as_text() -> None:
    """Nothing in its scripts makes markup or code of a text."""
    parts = (resources.files(report) / "parts").iterdir()
    scripts = [each.read_text("utf-8") for each in parts if each.name.endswith(".js")]
    assert len(scripts) > 10
    sinks = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\b|Function\("
    assert [found for text in scripts for found in re.findall(sinks, text)] == []
