import json
import os
import sys
from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from support.rows import CATEGORIES, MODIFIED_NS, ODD_NAMES, RUN, classified, failed
from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.local.rows import Row
from taskworker_classifyimage.outputs import parquet_file
from taskworker_classifyimage.outputs.cells import path_text


def library(name: str) -> Any:
    """A module that reads Parquet; skips a test without it, or fails it where it has to be."""
    if find_spec(name.partition(".")[0]) is None:
        assert os.environ.get("CI") != "true", f"{name} has to be there"
        pytest.skip(f"{name} is not installed")
    return import_module(name)


def written(folder: Path, rows: Iterable[Row], **run: object) -> Path:
    library("pyarrow")
    part = folder / "rows.parquet"
    parquet_file.write(part, rows, {**RUN, **run})
    return part


def test_columns_are_typed(tmp_path: Path) -> None:
    """Nothing that a reader would have to parse: times, lists and structs are what they are."""
    part = written(tmp_path, [classified("1.jpg")])
    schema = library("pyarrow.parquet").read_schema(part)
    few = "dictionary<values=string, indices=int8, ordered=0>"
    prediction = "class: string, name: string, probability: double"
    assert {field.name: str(field.type).replace("element", "item") for field in schema} == {
        "path": "string",
        "status": few,
        "code": few,
        "error": "string",
        "size": "int64",
        "modified": "timestamp[ns, tz=UTC]",
        "class": "string",
        "name": "string",
        "probability": "double",
        "predictions": f"list<item: struct<{prediction}>>",
        "warnings": "list<item: string>",
        "sha256": "string",
    }
    assert json.loads(schema.metadata[b"run"]) == RUN


def test_a_row_comes_back(tmp_path: Path) -> None:
    """Classified with warnings, and failed."""
    rows = [classified("1.jpg", warnings=["one", "two"]), failed("2.jpg")]
    table = library("pyarrow.parquet").read_table(written(tmp_path, rows))
    times = table.column("modified").cast("int64").to_pylist()
    one, two = table.drop_columns(["modified"]).to_pylist()
    best = {"class": "n1", "name": "Name 1", "probability": 0.84}
    assert times == [MODIFIED_NS, None]
    assert one == {
        "path": "1.jpg",
        "status": "ok",
        "code": None,
        "error": None,
        "size": 1234,
        **best,
        "predictions": [best, {"class": "n2", "name": "Name 2", "probability": 1 / 3}],
        "warnings": ["one", "two"],
        "sha256": "ab" * 32,
    }
    assert [two[key] for key in ("status", "code", "error", "class", "predictions", "size")] == [
        "failed",
        "damaged",
        "the picture is damaged",
        None,
        [],
        None,
    ]


def test_categories_have_columns(tmp_path: Path) -> None:
    """The best of both levels and all of them; none of a file that was not classified."""
    rows = [classified("1.jpg", categories=CATEGORIES), failed("2.jpg")]
    part = written(tmp_path, rows, categories=True)
    table = library("pyarrow.parquet").read_table(part).drop_columns(["modified"])
    assert (table.num_columns, str(table.schema.field("category_name").type)) == (18, "string")
    one, two = table.to_pylist()
    assert one["categories"] == list(CATEGORIES)
    assert [one[f"{column}_id"] for column in ("category", "coarse")] == ["drink", "food"]
    assert one["category_name"] == "drink or drinking vessel"
    assert (one["category_probability"], one["coarse_probability"]) == (0.9, 0.95)
    assert (two["category_id"], two["coarse_name"], two["categories"]) == (None, None, [])
    likely = "list_filter(categories, lambda c: c.id = 'alcohol' AND c.probability > 0.3)"
    query = f"SELECT path FROM '{part}' WHERE len({likely}) > 0"
    assert library("duckdb").sql(query).fetchall() == [("1.jpg",)]


def test_provenance_is_a_column_of_runs_that_ask_for_it(tmp_path: Path) -> None:
    """As JSON, whatever it will hold one day; a row without any has none."""
    asked = Row("1.jpg", {"predictions": [], "provenance": {"labels": {"language": "de"}}})
    table = library("pyarrow.parquet").read_table(
        written(tmp_path, [asked, failed("2.jpg")], provenance=True)
    )
    assert table["provenance"].to_pylist() == ['{"labels": {"language": "de"}}', None]


def test_duckdb_reads_it(tmp_path: Path) -> None:
    """The other reader that people have."""
    part = written(tmp_path, [*map(classified, ODD_NAMES), failed("x.jpg")])
    found = library("duckdb").sql(
        "SELECT path, code, predictions[2].name, epoch_ns(modified)"
        f" FROM '{part}' WHERE status = 'ok' AND probability > 0.8"
    )
    assert found.fetchall() == [
        (path_text(name), None, "Name 2", MODIFIED_NS) for name in ODD_NAMES
    ]


def test_rows_lie_in_groups_that_are_written_as_they_fill(tmp_path: Path) -> None:
    """Memory holds one group of a million rows; a reader can skip groups."""
    part, sizes = tmp_path / "rows.parquet", []

    def many() -> Iterable[Row]:
        for number in range(25_000):
            if number % 10_000 == 0:
                sizes.append(part.stat().st_size)
            yield classified(f"{number}.jpg")

    written(tmp_path, many())
    assert sizes[0] < sizes[1] < sizes[2] < part.stat().st_size
    metadata = library("pyarrow.parquet").read_metadata(part)
    groups = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
    assert groups == [10_000, 10_000, 5_000]


def test_a_run_without_files_leaves_a_table_without_rows(tmp_path: Path) -> None:
    """And with all columns."""
    table = library("pyarrow.parquet").read_table(written(tmp_path, []))
    assert (table.num_rows, table.num_columns) == (0, 12)


def test_a_time_out_of_reach_is_null(tmp_path: Path) -> None:
    """A file can claim to be of the year 5000; that spoils no table."""
    rows = [Row("late", {"predictions": []}, modified_ns=2**63), classified("1.jpg")]
    table = library("pyarrow.parquet").read_table(written(tmp_path, rows))
    assert table.column("modified").cast("int64").to_pylist() == [None, MODIFIED_NS]


def test_without_pyarrow_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the command that installs it."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigError, match=r"pip install .*\[parquet\]"):
        parquet_file.write(tmp_path / "rows.parquet", [], RUN)
    assert list(tmp_path.iterdir()) == []
