"""Rows in the short form in which the page holds them: an index, and blocks of details."""

import base64
import json
import os
from collections import Counter
from collections.abc import Mapping
from typing import Final, TypeVar

from taskworker_classifyimage.local.rows import Row, to_text
from taskworker_classifyimage.outputs.cells import (
    CategorySum,
    path_text,
    read_categories,
    read_predictions,
    read_text,
    read_warnings,
    to_unicode,
)
from taskworker_classifyimage.tasks import INDEPENDENT

#: How the index names each status.
_STATUS: Final = {"ok": 0, "not_a_picture": 1, "failed": 2}

#: Less probable categories of a picture are in its details only.
_LEAST_CATEGORY: Final = 0.05

_Name = TypeVar("_Name", str, tuple[str, str], tuple[str, str, str])


class Shortener:
    """Shortens the rows of one page; names that come again are numbers in its tables.

    Attributes:
        classes: class and name, by their number.
        categories: id, name and level, by their number.
        codes: why files were not classified, by their number.
        counts: of rows, by status.
    """

    def __init__(self) -> None:
        self.classes: dict[tuple[str, str], int] = {}
        self.categories: dict[tuple[str, str, str], int] = {}
        self.codes: dict[str, int] = {}
        self.counts: Counter[str] = Counter()
        self._folder: str | None = None

    @property
    def tables(self) -> Mapping[str, list[object]]:
        """All names, by their numbers."""
        return {
            "classes": list(self.classes),
            "categories": [[*each, _parent_of(each[0])] for each in self.categories],
            "codes": list(self.codes),
        }

    def shorten(self, row: Row) -> list[object]:
        """What is searched, filtered and sorted by.

        Folder (0 for that of the row before), name, status, and then the code, or class and
        probability of the best prediction, the likely categories (number, probability, ...), and if
        classes do not exclude each other the further ones (-1 - number, probability, ...).
        """
        self.counts[row.status] += 1
        path = path_text(row.path)
        name = os.path.basename(path)  # noqa: PTH119 - a path object is another text
        folder = path[: len(path) - len(name)]
        entry: list[object] = [0 if folder == self._folder else folder, name, _STATUS[row.status]]
        self._folder = folder
        if row.code is not None:
            return [*entry, _number(self.codes, to_unicode(row.code))]
        predictions, categories = self._predictions(row), self._likely_categories(row)
        if predictions or categories:
            # Sorting and filtering need no more digits; the details have all.
            entry += [predictions[0], round(predictions[1], 4)] if predictions else [None, None]
        return [*entry, *categories, *self._further(row, predictions)]

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
        pairs = [(self._number_of(each), each.probability) for each in read_categories(row)]
        return [value for pair in pairs for value in pair]

    def _likely_categories(self, row: Row) -> list[float]:
        """The best of each level in any case, so that each picture has a place in groups."""
        found = read_categories(row)
        best = {each.level: each for each in reversed(found)}
        likely = (e for e in found if e.probability >= _LEAST_CATEGORY or best[e.level] is e)
        pairs = [(self._number_of(each), round(each.probability, 4)) for each in likely]
        return [value for pair in pairs for value in pair]

    def _further(self, row: Row, predictions: list[float]) -> list[float]:
        """The classes after the best one that the picture shows as well."""
        if row.result.get("kind") != INDEPENDENT:
            return []
        pairs = zip(predictions[2::2], predictions[3::2], strict=True)
        return [value for each, p in pairs for value in (-1 - each, round(p, 4))]

    def _number_of(self, each: CategorySum) -> int:
        return _number(self.categories, (each.id, each.name, each.level))


def _parent_of(category_id: str) -> str:
    """The coarse category of a fine one; empty if there is none, or it is not known here."""
    from taskworker_classifyimage.classify.categories import load_categories  # noqa: PLC0415 - not for all

    return next((each.parent for each in load_categories().all if each.id == category_id), "")


def encode_json(value: object) -> str:
    """JSON that can stand in a script element: nothing in it ends the element."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def _number(table: dict[_Name, int], value: _Name) -> int:
    return table.setdefault(value, len(table))
