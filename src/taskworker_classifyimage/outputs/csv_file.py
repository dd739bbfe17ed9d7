"""CSV: one row a picture with columns for each rank, or one row a prediction."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Final, cast

from taskworker_classifyimage.local.rows import Row, to_text
from taskworker_classifyimage.outputs.cells import (
    CategorySum,
    Prediction,
    best_of,
    path_text,
    read_categories,
    read_predictions,
    read_text,
    read_warnings,
)

_FILE: Final = ("path", "status", "code", "error", "size", "modified")
_PREDICTION: Final = ("class", "name", "probability")
#: Of the best category of each level.
_CATEGORIES: Final = {
    "fine": ("category_id", "category_name", "category_probability"),
    "coarse": ("coarse_id", "coarse_name", "coarse_probability"),
}

#: Text that a spreadsheet takes for a formula, also behind quotes, blanks and what is not seen;
#: Japanese versions take the wide signs as well. A tab or line end may make it one later.
_FORMULA: Final = re.compile(
    r"[\t\r\n]|[\s\"'\x00-\x20\u200b-\u200f\u2060\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]"
)

_Cell = str | int | float | None


def write(
    part: Path,
    rows: Iterable[Row],
    run: Mapping[str, object],
    *,
    per_prediction: bool = False,
    excel: bool = False,
    sha256: bool = False,
) -> None:
    """Writes RFC 4180 in UTF-8, with every value exactly as it is.

    Args:
        part: the file to write.
        rows: all rows.
        run: what is true of the whole run; `top` tells how many ranks have columns, `categories`
            whether the best fine and the best coarse category have some.
        per_prediction: one row a prediction, with its rank; a file without any has one row.
        excel: for spreadsheets: a byte order mark, semicolons, no text that is taken for a
            formula, and probabilities such as 84E-2, which every language's version reads.
        sha256: adds a column.

    Raises:
        OSError: it cannot be written.
    """
    top = cast("int", run["top"])
    levels = _CATEGORIES if run.get("categories") else {}
    table = _list_predictions(rows, levels) if per_prediction else _list_pictures(rows, top, levels)
    ranks = range(1, top + 1)
    columns = ["rank", *_PREDICTION] if per_prediction else _number(_PREDICTION, ranks)
    head = [*_FILE, *columns, *chain.from_iterable(levels.values()), "warnings", "sha256"]
    to_cell = _to_excel if excel else _to_exact
    width = len(head) if sha256 else len(head) - 1
    with part.open("w", encoding="utf-8-sig" if excel else "utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=";" if excel else ",")
        writer.writerow(head[:width])
        writer.writerows([to_cell(each) for each in cells[:width]] for cells in table)


def _number(names: Iterable[str], ranks: Iterable[int]) -> list[str]:
    return [f"{name}_{rank}" for rank in ranks for name in names]


def _list_pictures(rows: Iterable[Row], top: int, levels: Iterable[str]) -> Iterator[list[_Cell]]:
    for row in rows:
        known = [_cells_of(each) for each in read_predictions(row)[:top]]
        missing = [(None, None, None)] * (top - len(known))
        yield [*_before(row), *chain.from_iterable([*known, *missing]), *_behind(row, levels)]


def _list_predictions(rows: Iterable[Row], levels: Iterable[str]) -> Iterator[list[_Cell]]:
    for row in rows:
        before, behind = _before(row), _behind(row, levels)
        predictions = read_predictions(row)
        for rank, each in enumerate(predictions, start=1):
            yield [*before, rank, *_cells_of(each), *behind]
        if not predictions:
            yield [*before, None, None, None, None, *behind]


def _before(row: Row) -> list[_Cell]:
    return [
        path_text(row.path),
        row.status,
        read_text(row, "code"),
        read_text(row, "error"),
        row.size_bytes,
        None if row.modified_ns is None else to_text(row.modified_ns),
    ]


def _behind(row: Row, levels: Iterable[str]) -> list[_Cell]:
    categories = read_categories(row)
    best = chain.from_iterable(_cells_of_category(best_of(each, categories)) for each in levels)
    return [*best, "; ".join(read_warnings(row)), row.sha256]


def _cells_of(each: Prediction) -> tuple[_Cell, _Cell, _Cell]:
    return each.class_id, each.name, each.probability


def _cells_of_category(each: CategorySum | None) -> tuple[_Cell, _Cell, _Cell]:
    return (None, None, None) if each is None else (each.id, each.name, each.probability)


def _to_exact(cell: _Cell) -> _Cell:
    return repr(cell) if isinstance(cell, float) else cell


def _to_excel(cell: _Cell) -> _Cell:
    if isinstance(cell, float):
        return _without_point(cell)
    if isinstance(cell, str) and _FORMULA.match(cell):
        return f"'{cell}"
    return cell


def _without_point(number: float) -> str:
    """The same number as a whole number and a power of ten: 0.84 as 84E-2."""
    digits, _, exponent = repr(number).partition("e")
    whole, _, decimals = digits.partition(".")
    return f"{int(whole + decimals)}E{int(exponent or 0) - len(decimals)}"
