"""Makes outputs of each format from rows."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from taskworker_classifyimage.local.rows import Row
from taskworker_classifyimage.outputs.formats import Output


@dataclass(frozen=True, slots=True)
class Style:
    """How outputs look, where a format leaves a choice.

    Attributes:
        is_lean: JSON lines hold path, class, name and probability alone.
        per_prediction: CSV has a row for each prediction.
        excel: CSV is for Excel.
        sha256: CSV has the checksum of each file.
    """

    is_lean: bool = False
    per_prediction: bool = False
    excel: bool = False
    sha256: bool = False


def check_libraries(outputs: Iterable[Output]) -> None:
    """Checks before anything starts that the outputs can be written.

    Raises:
        ConfigError: an extra is not installed.
    """
    if any(output.format == "parquet" for output in outputs):
        from taskworker_classifyimage.outputs import parquet_file  # noqa: PLC0415 - not for all

        parquet_file.import_pyarrow()


def encode_line(row: Row, style: Style) -> bytes:
    """A JSON line, with its end."""
    return (_encode_lean(row) if style.is_lean else row.to_json()) + b"\n"


def make_output(
    output: Output, part: Path, rows: Iterable[Row], run: Mapping[str, object], style: Style
) -> None:
    """Writes a whole output.

    Args:
        output: which one.
        part: where to write it.
        rows: all rows.
        run: what is true of the whole run.
        style: how it looks.

    Raises:
        OSError: it cannot be written.
    """
    if output.format == "jsonl":
        with part.open("wb") as file:
            file.writelines(encode_line(row, style) for row in rows)
    elif output.format == "parquet":
        from taskworker_classifyimage.outputs import parquet_file  # noqa: PLC0415 - not for all

        parquet_file.write(part, rows, run)
    elif output.format == "csv":
        from taskworker_classifyimage.outputs import csv_file  # noqa: PLC0415 - not for all

        csv_file.write(
            part,
            rows,
            run,
            per_prediction=style.per_prediction,
            excel=style.excel,
            sha256=style.sha256,
        )


def _encode_lean(row: Row) -> bytes:
    predictions = row.result["predictions"]
    best = predictions[0] if isinstance(predictions, list) and predictions else {}
    lean = {name: best.get(name) for name in ("class", "name", "probability")}
    failure = {} if row.code is None else {"code": row.code}
    line = json.dumps({"path": row.path, **lean, **failure}, ensure_ascii=False)
    return line.encode("utf-8", "backslashreplace")
