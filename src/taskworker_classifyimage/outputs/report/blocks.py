"""Rows in the short form in which the page holds them: an index, and blocks of details."""

import base64
import json
import os
from collections import Counter
from collections.abc import Mapping
from typing import Final, TypeVar, cast

from taskworker_classifyimage.local.rows import Row, to_text
from taskworker_classifyimage.outputs.cells import (
    path_text,
    read_predictions,
    read_text,
    read_warnings,
    to_unicode,
)

#: How the index names each status.
_STATUS: Final = {"ok": 0, "not_a_picture": 1, "failed": 2}

_Name = TypeVar("_Name", str, tuple[str, str])


class Shortener:
    """Shortens the rows of one page; names that come again are numbers in its tables.

    Attributes:
        classes: class and name, by their number.
        categories: names, by their number.
        codes: why files were not classified, by their number.
        counts: of rows, by status.
    """

    def __init__(self) -> None:
        self.classes: dict[tuple[str, str], int] = {}
        self.categories: dict[str, int] = {}
        self.codes: dict[str, int] = {}
        self.counts: Counter[str] = Counter()
        self._folder: str | None = None

    @property
    def tables(self) -> Mapping[str, list[object]]:
        """All names, by their numbers."""
        return {
            "classes": list(self.classes),
            "categories": list(self.categories),
            "codes": list(self.codes),
        }

    def shorten(self, row: Row) -> list[object]:
        """What is searched, filtered and sorted by.

        Folder (0 for that of the row before), name, status, and then class, probability and
        category of the best prediction, or the code.
        """
        self.counts[row.status] += 1
        path = path_text(row.path)
        name = os.path.basename(path)  # noqa: PTH119 - a path object is another text
        folder = path[: len(path) - len(name)]
        entry: list[object] = [0 if folder == self._folder else folder, name, _STATUS[row.status]]
        self._folder = folder
        if row.code is not None:
            return [*entry, _number(self.codes, to_unicode(row.code))]
        predictions, categories = self._predictions(row), self._categories(row)
        if predictions:
            # Sorting and filtering need no more digits; the details have all.
            entry += [predictions[0], round(predictions[1], 4)]
        return [*entry, *categories[:1]] if predictions else entry

    def detail(self, row: Row, thumbnail: bytes | None) -> list[object]:
        """All else.

        Thumbnail in base64, size, time, SHA-256, predictions and categories (number, probability,
        number, ...), warnings, and the reason if it was not classified.
        """
        return [
            0 if thumbnail is None else base64.b64encode(thumbnail).decode(),
            row.size_bytes,
            None if row.modified_ns is None else to_text(row.modified_ns),
            row.sha256,
            self._predictions(row),
            self._categories(row),
            read_warnings(row),
            read_text(row, "error"),
        ]

    def _predictions(self, row: Row) -> list[float]:
        found = read_predictions(row)
        pairs = [(_number(self.classes, (e.class_id, e.name)), e.probability) for e in found]
        return [value for pair in pairs for value in pair]

    def _categories(self, row: Row) -> list[float]:
        found = cast("list[Mapping[str, object]]", row.result.get("categories", ()))
        pairs = [
            (
                _number(self.categories, to_unicode(str(each["name"]))),
                float(cast("float", each["probability"])),
            )
            for each in found
        ]
        return [value for pair in pairs for value in pair]


def encode_json(value: object) -> str:
    """JSON that can stand in a script element: nothing in it ends the element."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def _number(table: dict[_Name, int], value: _Name) -> int:
    return table.setdefault(value, len(table))
