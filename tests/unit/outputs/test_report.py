"""The report's writer: the page holds every row exactly, and nothing in it ends a script."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from support.rows import ODD_NAMES, RUN, classified, failed
from taskworker_classifyimage.local.rows import Row
from taskworker_classifyimage.outputs import report
from taskworker_classifyimage.outputs.cells import path_text, to_unicode

_DATA = re.compile(
    r'<script type="application/json" id="([a-z]+)(?:-\d+)?">(.*?)</script>', re.DOTALL
)
_STATUS = ("ok", "not_a_picture", "failed")


def write(folder: Path, rows: list[Row], thumbnail: bytes | None = b"webp") -> str:
    """Writes a page of few rows and reads it."""
    page = folder / "page.html"
    assert not report.write(page, folder / "files", "files", rows, RUN, lambda _: thumbnail)
    return page.read_text(encoding="utf-8")


def read(page: str) -> tuple[dict[str, Any], list[Any], list[Any]]:
    """The facts, the index and the details of a page."""
    data: dict[str, list[Any]] = {"facts": [], "index": [], "block": [], "texts": []}
    for name, text in _DATA.findall(page):
        data[name].append(json.loads(text))
    index = [entry for block in data["index"] for entry in block]
    return data["facts"][0], index, [entry for block in data["block"] for entry in block]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_are_data(tmp_path: Path, name: str) -> None:
    page = write(tmp_path, [classified(f"a/{name}"), failed(name, error=name)])
    facts, index, details = read(page)
    assert [index[0][0] + index[0][1], index[1][0] + index[1][1]] == [
        path_text(f"a/{name}"),
        path_text(name),
    ]
    assert details[1][7] == to_unicode(name)
    assert facts["counts"] == {"ok": 1, "failed": 1}
    assert page.count("</script>") == page.count("<script") == 5
