"""Where a task is, and how long each of its steps took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal, get_args

#: In the order of a task. It waits for memory and for a free thread, and, if the same picture is
#: being classified for another task, for that answer.
Step = Literal["take", "fetch", "wait", "decode", "infer", "report"]
STEPS: Final[tuple[Step, ...]] = get_args(Step)


class Timing:
    """Seconds of one task, each of which belongs to one step.

    Attributes:
        step: where the task is.
        seconds: of the steps that it has left; a step that it did not need is missing.
    """

    __slots__ = ("_since_s", "seconds", "step")

    def __init__(self, take_s: float | None = None) -> None:
        """The task begins to be fetched; `take_s`: what its take took, if it was taken now."""
        self.seconds: dict[Step, float] = {} if take_s is None else {"take": take_s}
        self.step: Step = "fetch"
        self._since_s = time.perf_counter()

    @property
    def network_s(self) -> float:
        """Seconds of take, fetch and report."""
        return sum(self.seconds.get(step, 0.0) for step in ("take", "fetch", "report"))

    @property
    def compute_s(self) -> float:
        """Seconds of decode and infer, without waiting for a thread; 0 for a cached answer."""
        return self.seconds.get("decode", 0.0) + self.seconds.get("infer", 0.0)

    def begin(self, step: Step) -> None:
        """Ends the step before and begins this one."""
        now_s = time.perf_counter()
        self.seconds[self.step] = self.seconds.get(self.step, 0.0) + now_s - self._since_s
        self.step, self._since_s = step, now_s

    def begin_after(self, *before: Step, step: Step) -> None:
        """Begins a step if the task is in one of those before it.

        A thread that computes cannot be cancelled: its task may have been given up meanwhile.
        """
        if self.step in before:
            self.begin(step)

    def attribute(self, outer: Step, inner: Step, seconds: float) -> None:
        """Says that a part of a step that is over was another step, measured elsewhere."""
        taken_s = min(seconds, self.seconds.get(outer, 0.0))
        self.seconds[outer] = self.seconds.get(outer, 0.0) - taken_s
        self.seconds[inner] = self.seconds.get(inner, 0.0) + taken_s

    def end(self) -> None:
        """Ends the last step."""
        self.begin(self.step)

    @contextmanager
    def within(self, step: Step) -> Iterator[None]:
        """A step inside of another one, which goes on afterwards."""
        outer = self.step
        self.begin(step)
        try:
            yield
        finally:
            self.begin(outer)
