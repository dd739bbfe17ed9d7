"""Writes a case of Project VIC again, with what was recognised in the files of its media."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from taskworker_classifyimage.local.rows import Row
from taskworker_classifyimage.local.vics.case import Case
from taskworker_classifyimage.local.vics.pieces import Medium, read_pieces
from taskworker_classifyimage.local.vics.stored import PathRefused
from taskworker_classifyimage.outputs.cells import (
    CategorySum,
    Prediction,
    best_of,
    choose_least,
    read_categories,
    read_predictions,
    read_text,
)
from taskworker_classifyimage.outputs.vics_medium import (
    CATEGORIES,
    CLASSES,
    MODEL,
    VERSION,
    MediumUnusual,
    Notes,
    annotate,
    clean_names,
)

#: Files that several media name are looked up once, mostly.
_REMEMBERED: Final = 10_000
#: Categories that are less probable would only make the case larger.
_LEAST_CATEGORY: Final = 0.01


@dataclass(slots=True)
class Written:
    """How many media of a case are what.

    Attributes:
        media: all.
        classified: their files were classified.
        tagged: of these, with a name in their tags.
        without_file: they name no file.
        unusual: they are left as they are, since their tags or metadata have an unknown form.
    """

    media: int = 0
    classified: int = 0
    tagged: int = 0
    without_file: int = 0
    unusual: int = 0


def write(
    part: Path, case: Case, find_row: Callable[[str], Row | None], least: float | None
) -> Written:
    """Writes the case; all but tags and metadata of classified media stays, byte by byte.

    Args:
        part: the file to write.
        case: what was classified.
        find_row: the row of a file by its path.
        least: less probable names are left out of the tags, 0 to 1; None: see `choose_least`.

    Raises:
        CaseDamaged: the file of the case has changed, and is damaged now.
        OSError: it cannot be written, or the case not be read.
    """

    @lru_cache(_REMEMBERED)
    def find_notes(path: str) -> Notes | None:
        row = find_row(path)
        return make_notes(row, least) if row is not None and row.code is None else None

    written = Written()
    with part.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        for piece in read_pieces(case.path):
            file.write(
                piece if isinstance(piece, str) else _change(piece, case, find_notes, written)
            )
    return written


def make_notes(row: Row, least: float | None) -> Notes:
    """What is written about a classified file."""
    predictions, categories = read_predictions(row), read_categories(row)
    best = best_of("fine", categories)
    shown: list[Prediction | CategorySum] = [*predictions, *([best] if best else [])]
    tagged = choose_least(row, least)
    names = (each.name for each in shown if each.probability >= tagged)
    library, model = read_text(row, "library"), read_text(row, "model")
    details = {
        CLASSES: "; ".join(_describe(e.class_id, e.name, e.probability) for e in predictions),
        CATEGORIES: "; ".join(
            _describe(e.id, e.name, e.probability)
            for e in categories
            if e.probability >= _LEAST_CATEGORY
        ),
        MODEL: f"{model} ({library})" if model and library else model or "",
        VERSION: read_text(row, "version") or "",
    }
    return Notes(clean_names(names), details)


def _describe(known_by: str, name: str, probability: float) -> str:
    return f"{known_by} {name} {probability:.4f}"


def _change(
    medium: Medium, case: Case, find_notes: Callable[[str], Notes | None], written: Written
) -> str:
    written.media += 1
    try:
        path = case.locate(medium)
    except PathRefused:
        return medium.text
    if path is None:
        written.without_file += 1
        return medium.text
    notes = find_notes(path)
    if notes is None:
        return medium.text
    try:
        text = annotate(medium.text, notes)
    except MediumUnusual:
        written.unusual += 1
        return medium.text
    written.classified += 1
    written.tagged += bool(notes.names)
    return text
