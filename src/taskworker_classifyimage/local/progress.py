"""What a run over files has done so far."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from taskworker_classifyimage.local.filters import Filters
from taskworker_classifyimage.local.rows import NO_PICTURE, Row


@dataclass(slots=True)
class Progress:
    """Counts of one run.

    Attributes:
        filters: count what is left out.
        done: how many files of this run have which code; None: classified.
        reused: files that an earlier run has done.
        changed: those of them that have changed since.
        total: all files; None as long as they are not counted.
        unreadable: folders that cannot be read.
        sidecars_failed: pictures whose sidecar cannot be written.
    """

    filters: Filters
    done: Counter[str | None] = field(default_factory=Counter)
    reused: int = 0
    changed: int = 0
    total: int | None = None
    unreadable: list[str] = field(default_factory=list)
    sidecars_failed: int = 0

    def note(self, rows: Sequence[Row]) -> None:
        """Counts rows that have been written."""
        self.done.update(row.code for row in rows)

    @property
    def written(self) -> int:
        """Files of this run whose rows are written."""
        return self.done.total()

    @property
    def no_picture(self) -> int:
        """Files that are no pictures."""
        return sum(self.done[code] for code in NO_PICTURE)

    @property
    def failed(self) -> int:
        """Files that need someone's attention."""
        return self.written - self.no_picture - self.done[None]

    @property
    def skipped(self) -> int:
        """Files and folders that were left out."""
        return self.filters.hidden + self.filters.excluded

    def failures(self) -> list[tuple[str, int]]:
        """How many files failed with which code, most frequent first."""
        return [
            (code, count)
            for code, count in self.done.most_common()
            if code is not None and code not in NO_PICTURE
        ]
