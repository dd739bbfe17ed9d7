"""Writes the report in one pass; what it holds at a time is one block."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import IO, Final

from taskworker_classifyimage.local.rows import Row
from taskworker_classifyimage.outputs.cells import path_text
from taskworker_classifyimage.outputs.report.blocks import Shortener, encode_json
from taskworker_classifyimage.outputs.report.page import split_page

#: Pictures that a block holds.
_BLOCK: Final = 1000
#: Blocks that the page itself holds at most; with more it would be larger than some 40 MB.
_MOST_BLOCKS: Final = 20


def write(
    part: Path,
    files_part: Path,
    files_name: str,
    rows: Iterable[Row],
    run: Mapping[str, object],
    thumbnail_of: Callable[[Row], bytes | None],
) -> bool:
    """Writes a page, and for more than 20,000 files also a folder that belongs to it.

    Args:
        part: the page.
        files_part: the folder; it must not exist.
        files_name: the folder's name when both have their last names; it is beside the page.
        rows: all rows.
        run: what is true of the whole run.
        thumbnail_of: a picture's thumbnail: JPEG of at most 96 px; None if there is none.

    Returns:
        Whether there is a folder.

    Raises:
        OSError: it cannot be written.
    """
    with ExitStack() as stack:
        spools = [
            stack.enter_context(
                tempfile.TemporaryFile("w+", encoding="ascii", dir=part.parent, newline="\n")
            )
            for _ in range(2)
        ]
        index, details = spools
        shortener = Shortener()
        blocks = 0
        for block in _split(rows):
            _write_line(index, [shortener.shorten(row) for row in block])
            _write_line(details, [shortener.detail(row, thumbnail_of(row)) for row in block])
            blocks += 1
        for spool in spools:
            spool.seek(0)
        has_folder = blocks > _MOST_BLOCKS
        facts = {
            "run": {key: _clean(value) for key, value in run.items() if key != "counts"},
            "counts": dict(shortener.counts),
            "skipped": _count_skipped(run),
            "folder": files_name if has_folder else None,
            "block": _BLOCK,
            **shortener.tables,
        }
        if has_folder:
            _write_folder(files_part, details)
        _write_page(part, facts, index, None if has_folder else details)
    return has_folder


def _split(rows: Iterable[Row]) -> Iterator[list[Row]]:
    left = iter(rows)
    while block := list(islice(left, _BLOCK)):
        yield block


def _write_line(spool: IO[str], value: object) -> None:
    spool.write(encode_json(value))
    spool.write("\n")


def _clean(value: object) -> object:
    """A fact with all its texts valid Unicode."""
    if isinstance(value, str):
        return path_text(value)
    if isinstance(value, list | tuple):
        return [_clean(each) for each in value]
    return value


def _count_skipped(run: Mapping[str, object]) -> object:
    counts = run.get("counts")
    return counts.get("skipped", 0) if isinstance(counts, Mapping) else 0


def _write_folder(folder: Path, details: IO[str]) -> None:
    folder.mkdir()
    for number, line in enumerate(details):
        with (folder / f"{number}.js").open("w", encoding="ascii", newline="\n") as file:
            file.write(f"takeBlock({number},{line.rstrip()});\n")


def _write_page(
    part: Path, facts: Mapping[str, object], index: IO[str], details: IO[str] | None
) -> None:
    run = facts["run"]
    language = str(run.get("language")) if isinstance(run, Mapping) else ""
    before, after = split_page(language, has_folder=details is None)
    with part.open("w", encoding="utf-8", newline="\n") as file:
        file.write(before)
        file.write(f'<script type="application/json" id="facts">{encode_json(facts)}</script>\n')
        _write_blocks(file, "index", index)
        if details is not None:
            _write_blocks(file, "block", details)
        file.write(after)


def _write_blocks(file: IO[str], name: str, lines: Iterable[str]) -> None:
    for number, line in enumerate(lines):
        file.write(f'<script type="application/json" id="{name}-{number}">')
        file.write(line.rstrip())
        file.write("</script>\n")
