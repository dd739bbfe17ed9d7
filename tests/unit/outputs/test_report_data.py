"""What a report holds: all rows exactly, in one file or with a folder, in bounded memory."""

import base64
import hashlib
import json
import re
import tracemalloc
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.rows import MODIFIED_NS, RUN, classified
from taskworker_classifyimage.errors import ErrorCode
from taskworker_classifyimage.local.rows import Row, to_text
from taskworker_classifyimage.outputs import report
from taskworker_classifyimage.outputs.cells import path_text, to_unicode

PARTS = resources.files("taskworker_classifyimage.outputs.report") / "parts"
#: Any text, also what ends scripts and halves of characters.
TEXTS = st.text() | st.sampled_from(
    ["</script>", "<!--<script>", "]]>", "\u2028", "\udce9", "__proto__", "{{title}}", "\\u003c"]
)
PREDICTIONS = st.lists(
    st.fixed_dictionaries({"class": TEXTS, "name": TEXTS, "probability": st.floats(0, 1)}),
    max_size=3,
)
ROWS = st.builds(
    Row,
    TEXTS.filter(bool),
    st.fixed_dictionaries(
        {"predictions": PREDICTIONS},
        optional={"categories": PREDICTIONS, "warnings": st.lists(TEXTS, max_size=2)},
    )
    | st.fixed_dictionaries(
        {"predictions": st.just([]), "error": TEXTS, "code": st.sampled_from(["damaged", "new"])}
    ),
    st.none() | st.integers(0, 2**53 - 1),
    st.none() | st.just(MODIFIED_NS),
    st.none() | st.just("ab" * 32),
)


class Elements(HTMLParser):
    """The texts of scripts and styles, by what they are, as a browser finds them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self.policy = ""
        self._key: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        known = dict(attributes)
        if tag == "meta" and known.get("http-equiv"):
            self.policy = str(known["content"])
        self._key = known.get("id") or tag if tag in ("script", "style") else None
        if self._key is not None:
            assert self._key not in self.found
            self.found[self._key] = ""

    def handle_endtag(self, tag: str) -> None:
        self._key = None

    def handle_data(self, data: str) -> None:
        if self._key is not None:
            self.found[self._key] += data

    def blocks(self, name: str) -> list[Any]:
        """All entries of the scripts NAME-0, NAME-1 and so on."""
        texts = [self.found[f"{name}-{each}"] for each in range(self._count(name))]
        return [entry for text in texts for entry in json.loads(text)]

    def _count(self, name: str) -> int:
        return sum(key.startswith(f"{name}-") for key in self.found)


def written(folder: Path, rows: list[Row], thumbnail: bytes | None = None) -> Elements:
    path = folder / "page.html"
    assert not report.write(path, folder / "files", "files", rows, RUN, lambda _: thumbnail)
    return Elements(path.read_text("utf-8"))


def predictions_of(row: Row, key: str, table: list[Any], flat: list[float]) -> None:
    """What the page holds is what the row holds, to the last bit."""
    expected: Any = row.result.get(key, [])
    assert flat[1::2] == [each["probability"] for each in expected]
    names = [table[int(number)] for number in flat[::2]]
    if key == "categories":
        assert names == [to_unicode(each["name"]) for each in expected]
    else:
        assert names == [[to_unicode(each["class"]), to_unicode(each["name"])] for each in expected]


@given(rows=st.lists(ROWS, max_size=4), thumbnail=st.none() | st.binary(min_size=1, max_size=50))
def test_every_row_is_in_the_page_exactly(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], thumbnail: bytes | None
) -> None:
    """Whatever the texts are: they are data, and end no element."""
    page = written(tmp_path_factory.mktemp("report"), rows, thumbnail)
    facts = json.loads(page.found["facts"])
    index, details = page.blocks("index"), page.blocks("block")
    assert sum(facts["counts"].values()) == len(index) == len(details) == len(rows)
    folder = ""
    for row, entry, detail in zip(rows, index, details, strict=True):
        folder = folder if entry[0] == 0 else entry[0]
        assert folder + entry[1] == path_text(row.path)
        picture, size, modified, sha256, flat, flat_categories, warnings, error = detail
        assert picture == (0 if thumbnail is None else base64.b64encode(thumbnail).decode())
        assert (size, sha256) == (row.size_bytes, row.sha256)
        assert modified == (None if row.modified_ns is None else to_text(row.modified_ns))
        assert warnings == [to_unicode(each) for each in row.result.get("warnings", [])]  # type: ignore[attr-defined]
        predictions_of(row, "predictions", facts["classes"], flat)
        predictions_of(row, "categories", facts["categories"], flat_categories)
        if row.code is not None:
            assert error == to_unicode(str(row.result["error"]))
            assert facts["codes"][entry[3]] == row.code


@pytest.mark.parametrize(("count", "has_folder"), [(20_000, False), (20_001, True)])
def test_more_than_20_000_pictures_have_a_folder(
    tmp_path: Path, count: int, has_folder: bool
) -> None:
    """Of scripts with 1,000 pictures each; every picture is in one place."""
    path, folder = tmp_path / "page.html", tmp_path / "page_files"
    rows = (classified(f"{number}.jpg") for number in range(count))
    assert (
        report.write(path, folder, "name", rows, RUN, lambda row: row.path.encode()) == has_folder
    )
    page = Elements(path.read_text("utf-8"))
    assert len(page.blocks("index")) == count
    assert {each.name for each in tmp_path.iterdir()} == {"page.html", "page_files"} - (
        set() if has_folder else {"page_files"}
    )
    details = page.blocks("block")
    if has_folder:
        assert details == []
        assert json.loads(page.found["facts"])["folder"] == "name"
        assert len(list(folder.iterdir())) == 21
        for number in range(21):
            text = (folder / f"{number}.js").read_text("ascii")
            found = re.fullmatch(rf"takeBlock\({number},(.*)\);\n", text, re.DOTALL)
            assert found is not None
            details += json.loads(found[1])
    assert [base64.b64decode(each[0]).decode() for each in details] == [
        f"{number}.jpg" for number in range(count)
    ]


def test_the_memory_does_not_grow_with_the_pictures(tmp_path: Path) -> None:
    """With thumbnails of 2 kB, these would be over 50 MB."""

    def many() -> Iterator[Row]:
        for number in range(25_000):
            yield classified(f"{number}.jpg")

    tracemalloc.start()
    try:
        report.write(
            tmp_path / "page.html", tmp_path / "f", "f", many(), RUN, lambda _: b"\xff" * 2000
        )
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


def test_the_page_lets_nothing_in_from_outside(tmp_path: Path) -> None:
    """Its own script and style are known by their hashes; no other script could run."""
    page = written(tmp_path, [classified("1.jpg")])
    rules = {rule.split()[0]: rule.split()[1:] for rule in page.policy.split("; ")}
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == ["'none'"]
    assert rules["img-src"] == ["data:"]
    for name in ("script", "style"):
        digest = hashlib.sha256(page.found[name].encode()).digest()
        assert rules[f"{name}-src"] == [f"'sha256-{base64.b64encode(digest).decode()}'"]
    assert set(rules) == {
        *("default-src", "script-src", "style-src", "img-src", "base-uri", "form-action")
    }


def test_texts_go_into_the_page_only_as_text() -> None:
    """Nothing in its scripts makes markup or code of a text."""
    scripts = [each.read_text("utf-8") for each in PARTS.iterdir() if each.name.endswith(".js")]
    assert len(scripts) > 10
    sinks = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\b|Function\("
    assert [found for text in scripts for found in re.findall(sinks, text)] == []


def test_both_languages_have_all_texts() -> None:
    """Also one for each reason why a file is not classified."""
    english, german = (
        json.loads((PARTS / f"texts.{each}.json").read_text("utf-8")) for each in ("en", "de")
    )
    assert english.keys() == german.keys()
    assert {f"code_{code}" for code in ErrorCode} <= english.keys()
    for key, text in english.items():
        values = [sorted(re.findall(r"\{\w+\}", each)) for each in (text, german[key])]
        assert values[0] == values[1], key
