"""What became of a worker's tasks and how long their steps took: plain numbers.

They are changed on the event loop alone, and cheap enough to be counted for every task.
"""

import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from taskworker_classifyimage.errors import ErrorCode
from taskworker_classifyimage.figures.histogram import Histogram
from taskworker_classifyimage.pipeline.timing import STEPS, Step, Timing

#: What becomes of a task: answered with a result or an error, dropped because it was removed or
#: reopened, left until later, or handed back to the bridge.
Outcome = Literal["classified", "failed", "gone", "left", "handed_back"]
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)

_LAST_FAILURES: Final = 5


@dataclass(frozen=True, slots=True)
class Failure:
    """A task that was answered with an error; `at_s` is in seconds since the epoch."""

    at_s: float
    task_id: str
    code: str
    message: str


def _count_nothing() -> Counter[tuple[Outcome, str]]:
    # A metric that is there from the start shows its first increase as well.
    failed: Outcome = "failed"
    others = {(outcome, ""): 0 for outcome in OUTCOMES if outcome != failed}
    return Counter({**others, **{(failed, code.value): 0 for code in ErrorCode}})


@dataclass(slots=True)
class WorkFigures:
    """The figures of one worker since its start.

    Attributes:
        tasks: how many ended how; the second part of a key is the code of those that failed.
        steps: seconds of each step of the tasks that have ended.
        running: the tasks in flight.
        fetched_bytes: size of the files that were fetched.
        failures: the last tasks that failed, oldest first.
    """

    tasks: Counter[tuple[Outcome, str]] = field(default_factory=_count_nothing)
    steps: dict[Step, Histogram] = field(
        default_factory=lambda: {each: Histogram() for each in STEPS}
    )
    running: set[Timing] = field(default_factory=set)
    fetched_bytes: int = 0
    failures: deque[Failure] = field(default_factory=lambda: deque(maxlen=_LAST_FAILURES))

    @property
    def classified(self) -> int:
        """How many pictures were classified."""
        return self.tasks["classified", ""]

    @property
    def failed(self) -> int:
        """How many tasks were answered with an error."""
        return sum(count for (outcome, _), count in self.tasks.items() if outcome == "failed")

    @property
    def ended(self) -> int:
        """How many tasks have ended, in whatever way."""
        return self.tasks.total()

    def begin(self, timing: Timing) -> None:
        """Counts a task that is in flight from now on."""
        self.running.add(timing)

    def end(self, timing: Timing, outcome: Outcome, code: str = "") -> None:
        """Counts a task that is not in flight any more."""
        timing.end()
        self.running.discard(timing)
        self.tasks[outcome, code] += 1
        for step, seconds in timing.seconds.items():
            self.steps[step].observe(seconds)

    def note_failure(self, task_id: str, code: str, message: str) -> None:
        """Remembers a task that failed, for people."""
        self.failures.append(Failure(time.time(), task_id, code, message))

    def in_flight(self) -> dict[Step, int]:
        """How many tasks are in each step now."""
        counts = dict.fromkeys(STEPS[STEPS.index("fetch") :], 0)
        for timing in self.running:
            counts[timing.step] += 1
        return counts
