"""Parquet: one typed row a picture, with all predictions as a list; needs the extra `parquet`."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final

from taskworker_classifyimage.errors import ConfigError, extra, one_line
from taskworker_classifyimage.local.rows import Row
from taskworker_classifyimage.outputs.cells import (
    best_of,
    path_text,
    read_categories,
    read_predictions,
    read_text,
    read_warnings,
    to_unicode,
)

#: Rows that are in memory at once, and that a reader can skip together.
_GROUP_ROWS: Final = 10_000
#: What 64 bits of nanoseconds reach: the years 1677 to 2262.
_TIME_LIMIT: Final = 2**63
#: The level of which each of these columns has the best category.
_BEST: Final = {"category": "fine", "coarse": "coarse"}
#: The file's metadata have the run under this key, as JSON.
RUN_KEY: Final = "run"


def write(part: Path, rows: Iterable[Row], run: Mapping[str, object]) -> None:
    """Writes a file; see `encode`."""
    import_pyarrow()
    with part.open("wb") as file:
        encode(file, rows, run)


def encode(file: IO[bytes], rows: Iterable[Row], run: Mapping[str, object]) -> None:
    """Writes one row a picture; `run` is in the file's metadata.

    If `run` has `categories`, there are columns for them; if it has `provenance`, one as JSON.

    A time that 64 bits of nanoseconds do not reach, before 1677 or after 2262, is null.

    Raises:
        ConfigError: pyarrow is not installed, or its installation is broken.
        OSError: it cannot be written.
    """
    pyarrow, parquet = import_pyarrow()
    text = json.dumps(run, ensure_ascii=False).encode("utf-8", "backslashreplace")
    schema = _make_schema(pyarrow, run).with_metadata({RUN_KEY: text})
    remaining = iter(rows)
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        while group := [_to_record(row) for row in islice(remaining, _GROUP_ROWS)]:
            writer.write_table(pyarrow.Table.from_pylist(group, schema))


def import_pyarrow() -> tuple[Any, Any]:
    """`pyarrow` and `pyarrow.parquet`, so that a run can tell at its start that they are missing.

    Raises:
        ConfigError: it is not installed, or its installation is broken.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra of some size
        from pyarrow import parquet  # noqa: PLC0415 - an extra of some size
    except ImportError as err:
        raise ConfigError(
            f"Parquet needs pyarrow ({one_line(err)}); install the extra: {extra('parquet')}"
        ) from None
    return pa, parquet


def _make_schema(pa: Any, run: Mapping[str, object]) -> Any:
    # Status and code have few values: as dictionaries, readers group by numbers.
    few = pa.dictionary(pa.int8(), pa.string())
    prediction = {"class": pa.string(), "name": pa.string(), "probability": pa.float64()}
    return pa.schema(
        {
            "path": pa.string(),
            "status": few,
            "code": few,
            "error": pa.string(),
            "size": pa.int64(),
            "modified": pa.timestamp("ns", tz="UTC"),
            **prediction,
            "predictions": pa.list_(pa.struct(prediction)),
            **(_category_columns(pa) if run.get("categories") else {}),
            "warnings": pa.list_(pa.string()),
            "sha256": pa.string(),
            **({"provenance": pa.string()} if run.get("provenance") else {}),
        }
    )


def _category_columns(pa: Any) -> dict[str, Any]:
    """The best fine and the best coarse category, and all."""
    text, number = pa.string(), pa.float64()
    best = {"id": text, "name": text, "probability": number}
    columns = {f"{column}_{key}": kind for column in _BEST for key, kind in best.items()}
    category = {"id": text, "name": text, "level": text, "probability": number}
    return {**columns, "categories": pa.list_(pa.struct(category))}


def _to_record(row: Row) -> dict[str, object]:
    predictions: list[dict[str, object]] = [
        {"class": each.class_id, "name": each.name, "probability": each.probability}
        for each in read_predictions(row)
    ]
    return {
        "path": path_text(row.path),
        "status": row.status,
        "code": read_text(row, "code"),
        "error": read_text(row, "error"),
        "size": row.size_bytes,
        "modified": _reachable(row.modified_ns),
        **(predictions[0] if predictions else {}),
        "predictions": predictions,
        **_record_categories(row),
        "warnings": read_warnings(row),
        "sha256": row.sha256,
        "provenance": _encode(row.result.get("provenance")),
    }


def _record_categories(row: Row) -> dict[str, object]:
    categories = read_categories(row)
    record: dict[str, object] = {"categories": [asdict(each) for each in categories]}
    for column, level in _BEST.items():
        if (best := best_of(level, categories)) is not None:
            record |= {
                f"{column}_id": best.id,
                f"{column}_name": best.name,
                f"{column}_probability": best.probability,
            }
    return record


def _encode(value: object) -> str | None:
    return None if value is None else to_unicode(json.dumps(value, ensure_ascii=False))


def _reachable(time_ns: int | None) -> int | None:
    return time_ns if time_ns is not None and abs(time_ns) < _TIME_LIMIT else None
