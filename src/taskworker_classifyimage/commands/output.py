"""Tables and progress for people; in a pipe or a file, plain text without colours or cut lines."""

import sys
from collections.abc import Sequence
from typing import Final, TextIO

from rich.console import Console
from rich.table import Column, Table

#: Wider than any line: in a file or a pipe nothing is wrapped.
_NO_LIMIT: Final = 100_000


def print_table(columns: Sequence[Column], *rows: Sequence[str], style: str = "") -> None:
    """Prints a table, without titles if no column has one.

    A column with `ratio` gets the room that the others leave. Rows that come one after another can
    be printed by one call for each, if the columns have a `min_width`.
    """
    shown = console(sys.stdout)
    table = Table(
        # rich keeps cells in columns, so each table needs its own.
        *(column.copy() for column in columns),
        box=None,
        padding=(0, 2, 0, 0),
        pad_edge=False,
        show_header=any(column.header for column in columns),
        expand=shown.is_terminal and any(column.ratio for column in columns),
        row_styles=[style],
    )
    for row in rows:
        table.add_row(*row)
    if shown.is_terminal:
        shown.print(table)
        return
    with shown.capture() as captured:
        shown.print(table)
    for line in captured.get().splitlines():
        # rich fills the last column too.
        print(line.rstrip(), flush=True)


def console(stream: TextIO) -> Console:
    """A console of rich that shows text as it is: brackets in it are no markup."""
    width = None if stream.isatty() else _NO_LIMIT
    return Console(file=stream, width=width, markup=False, emoji=False, highlight=False)
