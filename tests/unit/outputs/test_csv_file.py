import codecs
import csv
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.rows import CATEGORIES, ODD_NAMES, RUN, classified, failed
from taskworker_classifyimage.local.rows import Row
from taskworker_classifyimage.outputs import csv_file
from taskworker_classifyimage.outputs.cells import path_text

#: A path of any system: also bytes that are not UTF-8.
PATHS = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"])
    | st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF)
    | st.sampled_from("\\u=+-@'\";, \t\r\n"),
    min_size=1,
)


def written(
    folder: Path, rows: Iterable[Row], *, categories: bool = False, **flags: bool
) -> list[dict[str, str]]:
    """What a reader of CSV finds in the file."""
    part = folder / "rows.csv"
    csv_file.write(part, rows, {**RUN, "categories": categories or None}, **flags)
    excel = flags.get("excel", False)
    with part.open(encoding="utf-8-sig" if excel else "utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=";" if excel else ",", strict=True))


def test_a_picture_is_a_row_with_columns_for_each_rank(tmp_path: Path) -> None:
    """As many as the run asks for; what a picture lacks is empty."""
    one, two = written(tmp_path, [classified("1.jpg"), failed("2.jpg")])
    assert one == {
        "path": "1.jpg",
        "status": "ok",
        "code": "",
        "error": "",
        "size": "1234",
        "modified": "2026-11-26T12:00:00.123456789Z",
        "class_1": "n1",
        "name_1": "Name 1",
        "probability_1": "0.84",
        "class_2": "n2",
        "name_2": "Name 2",
        "probability_2": "0.3333333333333333",
        "warnings": "",
    }
    assert [two[key] for key in ("status", "code", "error", "size", "class_1", "name_2")] == [
        "failed",
        "damaged",
        "the picture is damaged",
        "",
        "",
        "",
    ]


def test_a_prediction_is_a_row_on_request(tmp_path: Path) -> None:
    """A file without predictions has one row all the same."""
    rows = written(tmp_path, [classified("1.jpg"), failed("2.jpg")], per_prediction=True)
    keys = ("path", "status", "rank", "class", "probability")
    assert [[row[key] for key in keys] for row in rows] == [
        ["1.jpg", "ok", "1", "n1", "0.84"],
        ["1.jpg", "ok", "2", "n2", "0.3333333333333333"],
        ["2.jpg", "failed", "", "", ""],
    ]


@pytest.mark.parametrize("per_prediction", [False, True])
def test_warnings_and_hashes_have_columns(tmp_path: Path, per_prediction: bool) -> None:
    """The hash only on request."""
    row = Row("b", {"predictions": [], "warnings": ["one", "two"]}, sha256="ab" * 32)
    [with_hash] = written(tmp_path, [row], per_prediction=per_prediction, sha256=True)
    assert with_hash["warnings"] == "one; two"
    assert with_hash["sha256"] == "ab" * 32
    [without] = written(tmp_path, [row], per_prediction=per_prediction)
    assert "sha256" not in without


@pytest.mark.parametrize("per_prediction", [False, True])
def test_the_best_categories_have_columns(tmp_path: Path, per_prediction: bool) -> None:
    """Before the warnings; empty for a file that was not classified."""
    rows = [classified("1.jpg", 0.5, categories=CATEGORIES), failed("2.jpg")]
    one, two = written(tmp_path, rows, categories=True, per_prediction=per_prediction)
    columns = {
        "category_id": "drink",
        "category_name": "drink or drinking vessel",
        "category_probability": "0.9",
        "coarse_id": "food",
        "coarse_name": "food or drink",
        "coarse_probability": "0.95",
    }
    assert list(one)[-7:] == [*columns, "warnings"]
    assert {key: one[key] for key in columns} == columns
    assert {two[key] for key in columns} == {""}
    [without] = written(tmp_path, rows[:1], per_prediction=per_prediction)
    assert not columns.keys() & without.keys()


def test_odd_names_come_back_and_no_two_are_alike(tmp_path: Path) -> None:
    """Quotes, line ends, separators; a byte that is not UTF-8 and a name that looks like it."""
    rows = written(tmp_path, map(classified, ODD_NAMES))
    assert [row["path"] for row in rows] == [path_text(name) for name in ODD_NAMES]
    assert len({row["path"] for row in rows}) == len(ODD_NAMES)
    assert [row["path"] for row in rows[:5]] == list(ODD_NAMES[:5])
    assert (tmp_path / "rows.csv").read_bytes().startswith(b"path,status,")
    assert (tmp_path / "rows.csv").read_bytes().endswith(b"\r\n")


@given(st.sets(PATHS, min_size=2))
def test_paths_that_differ_have_texts_that_differ(paths: set[str]) -> None:
    """The text can be encoded, whatever the bytes."""
    texts = {path_text(path).encode() for path in paths}
    assert len(texts) == len(paths)


@given(path=PATHS, name=st.text(), probability=st.floats(0, 1), excel=st.booleans())
def test_values_come_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, path: str, name: str, probability: float, excel: bool
) -> None:
    """Any text in one cell, any number to the last bit; a spreadsheet's text has a mark at most."""
    prediction = {"class": name, "name": name, "probability": probability}
    folder = tmp_path_factory.mktemp("csv")
    [row] = written(folder, [Row(path, {"predictions": [prediction]})], excel=excel)
    assert float(row["probability_1"]) == probability
    for found, expected in ((row["path"], path_text(path)), (row["name_1"], name)):
        assert found == expected or (excel and found == f"'{expected}")


@pytest.mark.parametrize(
    "name",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(1)",
        "\t=1",
        "\r=1",
        "\n=1",
        " =1",
        '"=1"',
        "'=1",
        "\uff1d1",
        "\ufeff=1",
        "\u200b=1",
        "\tname",
    ],
)
@pytest.mark.parametrize("per_prediction", [False, True])
def test_a_spreadsheet_gets_no_formula(tmp_path: Path, name: str, per_prediction: bool) -> None:
    """From a path, a label, an error or a warning; exact CSV has it unchanged."""
    prediction = {"class": name, "name": name, "probability": 0.25}
    rows = [
        Row(name, {"predictions": [prediction], "warnings": [name]}),
        failed(name, error=name),
    ]
    [one, two] = written(tmp_path, rows, excel=True, per_prediction=per_prediction)
    texts = [text for text in (*one.values(), *two.values()) if text.endswith(name)]
    assert len(texts) == 6
    assert set(texts) == {f"'{name}"}
    [one, two] = written(tmp_path, rows, per_prediction=per_prediction)
    assert one["path"] == two["error"] == name


@given(st.floats(0, 1) | st.sampled_from([0.0, 1.0, 5e-324, 1e-7, sys.float_info.epsilon]))
def test_a_spreadsheets_number_has_neither_point_nor_comma(probability: float) -> None:
    """A German version takes 0.84 for text or a date, an English one 0,84."""
    cell = csv_file._without_point(probability)
    assert re.fullmatch(r"\d+E-?\d+", cell)
    assert float(cell) == probability


def test_a_spreadsheet_learns_the_encoding_and_the_columns(tmp_path: Path) -> None:
    """A byte order mark, and no line before the heads."""
    written(tmp_path, [classified("1.jpg")], excel=True)
    content = (tmp_path / "rows.csv").read_bytes()
    assert content.startswith(codecs.BOM_UTF8 + b"path;status;")
    assert b";n1;Name 1;84E-2;n2;Name 2;3333333333333333E-16;" in content


def test_rows_are_written_as_they_come(tmp_path: Path) -> None:
    """A million rows are never in memory: the file has grown long before the last one."""
    part, sizes = tmp_path / "rows.csv", []

    def many() -> Any:
        for number in range(5000):
            sizes.append(part.stat().st_size)
            yield classified(f"{number}.jpg")

    csv_file.write(part, many(), RUN)
    assert sizes[2500] > sizes[0]
    assert sizes[-1] > sizes[2500]
