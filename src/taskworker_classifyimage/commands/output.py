"""Tables and progress for people, through rich; plain text, uncut, where no terminal is.

rich is imported only where something is shown with it.
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TextIO, TypeVar

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_T = TypeVar("_T")

#: Wider than any line: in a file or a pipe nothing is wrapped.
_NO_LIMIT: Final = 100_000
_GAP: Final = 2


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        width: in characters; None: as wide as its longest cell.
        is_cut: whether a terminal shows as much as fits on a line; else the cell is wrapped.
    """

    title: str = ""
    width: int | None = None
    is_number: bool = False
    is_cut: bool = False


class LiveTable:
    """A table whose rows are printed as they come, with columns of fixed widths."""

    def __init__(self, *columns: Column) -> None:
        self._columns = columns

    def add(self, *cells: str, style: str = "") -> None:
        """Prints one row."""
        table = _grid(self._columns)
        table.add_row(*cells, style=style)
        _print(table)

    def add_titles(self) -> None:
        """Prints the row of titles."""
        self.add(*(column.title for column in self._columns), style="bold")


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Prints a whole table, without titles if no column has one."""
    titles, rows = [column.title for column in columns], list(rows)
    widths = [max(map(len, cells)) for cells in zip(titles, *rows, strict=True)]
    others = sum(width for column, width in zip(columns, widths, strict=True) if not column.is_cut)
    shown = console()
    table = _grid(columns, room=shown.width - others - _GAP * len(columns))
    if any(titles):
        table.add_row(*titles, style="bold")
    for row in rows:
        table.add_row(*row)
    _print(table)


def tracked(steps: Iterable[_T], total: int, what: str) -> Iterable[_T]:
    """The same steps, with a progress bar on standard error if that is a terminal."""
    if not sys.stderr.isatty():
        return steps
    from rich.progress import track  # noqa: PLC0415 - see above

    return track(steps, what, total, console=console(sys.stderr), transient=True)


def console(stream: TextIO | None = None) -> "Console":
    """A console of rich that shows text as it is: brackets in it are no markup."""
    from rich.console import Console  # noqa: PLC0415 - see above

    stream = stream or sys.stdout
    width = None if stream.isatty() else _NO_LIMIT
    return Console(file=stream, width=width, markup=False, emoji=False, highlight=False)


def _grid(columns: Sequence[Column], room: int | None = None) -> "Table":
    """An empty table; `room` is the most width of columns that are cut."""
    from rich.table import Table  # noqa: PLC0415 - see above

    table = Table.grid(padding=(0, _GAP, 0, 0))
    for column in columns:
        table.add_column(
            justify="right" if column.is_number else "left",
            min_width=column.width,
            max_width=room if column.is_cut else None,
            no_wrap=column.is_cut,
            overflow="ellipsis" if column.is_cut else "fold",
        )
    return table


def _print(table: "Table") -> None:
    shown = console()
    if shown.is_terminal:
        shown.print(table)
        return
    with shown.capture() as captured:
        shown.print(table)
    for line in captured.get().splitlines():
        # rich fills the last column too.
        print(line.rstrip(), flush=True)
