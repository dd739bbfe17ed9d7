"""What a run over files has done so far."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from taskworker_classifyimage.local.filters import Filters
from taskworker_classifyimage.local.rows import NO_PICTURE, Row


class Counts(Counter[str | None]):
    """How many files have which code; None: classified."""

    @property
    def classified(self) -> int:
        """Files that were classified."""
        return self[None]

    @property
    def no_picture(self) -> int:
        """Files that are no pictures."""
        return sum(self[code] for code in NO_PICTURE)

    @property
    def failed(self) -> int:
        """Files that need someone's attention."""
        return self.total() - self.no_picture - self.classified

    def failures(self) -> dict[str, int]:
        """How many files failed with which code, most frequent first."""
        return {
            code: count
            for code, count in self.most_common()
            if code is not None and code not in NO_PICTURE
        }


@dataclass(slots=True)
class Progress:
    """What one run has done.

    Attributes:
        filters: count what is left out.
        done: files of this run.
        reused: files that an earlier run has done.
        changed: those of them that have changed since.
        total: all files; None as long as they are not counted.
        unreadable: folders that cannot be read.
        left_out: files of this run that are of no category that is wanted.
        sidecars_failed: pictures whose sidecar cannot be written.
    """

    filters: Filters
    done: Counts = field(default_factory=Counts)
    reused: int = 0
    changed: int = 0
    total: int | None = None
    unreadable: list[str] = field(default_factory=list)
    left_out: int = 0
    sidecars_failed: int = 0

    def note(self, rows: Sequence[Row]) -> None:
        """Counts rows that have been written."""
        self.done.update(row.code for row in rows)

    @property
    def written(self) -> int:
        """Files of this run whose rows are written."""
        return self.done.total()

    @property
    def skipped(self) -> int:
        """Files and folders that were left out."""
        return self.filters.hidden + self.filters.excluded
