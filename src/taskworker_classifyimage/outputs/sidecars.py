"""Sidecars of many pictures; what goes wrong with one concerns no other."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import cast

from taskworker_classifyimage.errors import printable
from taskworker_classifyimage.local.found import Found
from taskworker_classifyimage.local.rows import Row
from taskworker_classifyimage.outputs.cells import choose_least
from taskworker_classifyimage.outputs.sidecar import (
    Style,
    remove_sidecar_keywords,
    write_sidecar,
)
from taskworker_classifyimage.outputs.xmp_reading import SidecarUnusable


def write_sidecars(rows: Sequence[Row], style: Style, least: float | None) -> list[str]:
    """Writes the sidecars of classified pictures; returns what went wrong, a line each.

    Args:
        rows: of the pictures.
        style: the names of the sidecars.
        least: less probable names become no keywords; None: see `choose_least`.
    """
    problems = []
    for row in rows:
        # Members of archives, and standard input, have no place for one.
        if row.status == "ok" and os.path.isfile(row.path):  # noqa: PTH113 - not UTF-8, perhaps
            predictions, categories = (
                cast("list[dict[str, object]]", row.result.get(key, ()))
                for key in ("predictions", "categories")
            )
            try:
                write_sidecar(
                    Path(row.path),
                    predictions,
                    categories,
                    style=style,
                    min_probability=choose_least(row, least),
                )
            except (SidecarUnusable, OSError) as err:
                problems.append(printable(str(err)))
    return problems


def remove_keywords(found: Iterable[Found], style: Style) -> tuple[int, list[str]]:
    """Removes this program's keywords; returns how many sidecars changed, and what went wrong."""
    changed, problems = 0, []
    for each in found:
        try:
            changed += remove_sidecar_keywords(Path(each.path), style=style)
        except (SidecarUnusable, OSError) as err:
            problems.append(printable(str(err)))
    return changed, problems
