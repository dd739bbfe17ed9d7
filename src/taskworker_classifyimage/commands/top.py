"""`work --top`: what the worker does, live in the terminal; the log goes above it."""

import asyncio
import logging
import os
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from taskworker_classifyimage import __version__
from taskworker_classifyimage.commands.output import console
from taskworker_classifyimage.errors import printable
from taskworker_classifyimage.figures.view import Snapshot, WorkerView
from taskworker_classifyimage.logs import send_log_to
from taskworker_classifyimage.pipeline.timing import STEPS, Step
from taskworker_classifyimage.words import counted

_log = logging.getLogger(__name__)

_INTERVAL_S: Final = 0.5
#: Rates and averages are those of so many seconds.
_WINDOW_S: Final = 10.0


async def show_top(view: WorkerView, worker: str) -> None:
    """Shows a worker until it is cancelled; says so and returns if there is no terminal."""
    if not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        _log.warning("--top needs a terminal, and standard output is none; going on without it")
        return
    screen, rates = console(sys.stdout), Rates()
    with (
        Live(console=screen, auto_refresh=False, redirect_stderr=False) as live,
        _log_above(screen),
    ):
        # The second signal ends the process at once, and must not leave the terminal without one.
        screen.show_cursor()
        while True:
            now = view.look()
            rates.note(now)
            shown = render(now, rates, worker, view.why_unready())
            # A terminal that is paused must not keep the worker from its tasks.
            await asyncio.to_thread(live.update, shown, refresh=True)
            await asyncio.sleep(_INTERVAL_S)


@dataclass(frozen=True, slots=True)
class _Sample:
    at_s: float
    classified: int
    #: By step: how often, and the sum of seconds.
    steps: dict[Step, tuple[int, float]]


class Rates:
    """What has changed in the last seconds."""

    def __init__(self) -> None:
        self._samples: deque[_Sample] = deque()

    def note(self, now: Snapshot) -> None:
        """Remembers the figures of now."""
        steps = {step: (each.count, each.total_s) for step, each in now.steps.items()}
        self._samples.append(_Sample(time.monotonic(), now.tasks["classified", ""], steps))
        while len(self._samples) > 2 and self._samples[1].at_s < self._samples[-1].at_s - _WINDOW_S:
            self._samples.popleft()

    @property
    def pictures_a_second(self) -> float:
        """Pictures classified a second."""
        first, last = self._samples[0], self._samples[-1]
        passed_s = last.at_s - first.at_s
        return (last.classified - first.classified) / passed_s if passed_s else 0.0

    def average_s(self, step: Step) -> float | None:
        """What a step took on average; None: there was none."""
        before, now = self._samples[0].steps[step], self._samples[-1].steps[step]
        count = now[0] - before[0]
        return (now[1] - before[1]) / count if count else None


def render(now: Snapshot, rates: Rates, worker: str, unready: str | None) -> Group:
    """The whole view; texts from outside are shown as they are, without control characters."""
    return Group(
        Text(),
        *_describe_worker(now, worker, unready),
        Text(),
        _describe_tasks(now, rates),
        Text(),
        _make_steps(now, rates),
        Text(),
        *_describe_parts(now),
    )


def _describe_worker(now: Snapshot, worker: str, unready: str | None) -> Iterable[Text]:
    models = ", ".join(f"{each.model} ({each.library}) on {each.device}" for each in now.models)
    yield Text.assemble((printable(worker), "bold"), f"  {models}  version {__version__}")
    state = Text("ready", "green") if unready is None else Text(unready, "bold red")
    silence = "" if now.silence_s is None else f", last answer {now.silence_s:.0f} s ago"
    yield Text.assemble(state, f"  bridge {now.bridge}{silence}")


def _describe_tasks(now: Snapshot, rates: Rates) -> Text:
    seen = f" ({now.cache_hits:,} of them seen before)" if now.cache_hits else ""
    counts = [f"{now.tasks['classified', '']:,} classified{seen}"]
    for (outcome, code), count in now.tasks.items():
        if count and outcome != "classified":
            counts.append(f"{count:,} {code or outcome.replace('_', ' ')}")
    rate = f"{rates.pictures_a_second:.1f} pictures/s"
    return Text.assemble((rate, "bold"), f"  {', '.join(counts)}")


def _make_steps(now: Snapshot, rates: Rates) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("")
    for step in STEPS:
        table.add_column(step, justify="right")
    table.add_column("of", justify="right")
    flights = [str(now.in_flight.get(step, "")) for step in STEPS]
    table.add_row("in flight", *flights, f"{sum(now.in_flight.values())} of {now.slots}")
    averages = [rates.average_s(step) for step in STEPS]
    table.add_row(
        "milliseconds", *("" if each is None else f"{1000 * each:,.1f}" for each in averages)
    )
    return table


def _describe_parts(now: Snapshot) -> Iterator[Text]:
    ends = ", ".join(
        f"{count:,} {cause.replace('_', ' ')}" for cause, count in now.decoder_ends.items() if count
    )
    replaced = f", replaced: {ends}" if ends else ""
    memory = f"{now.worker_bytes / 1e6:,.0f} MB + {now.decoder_bytes / 1e6:,.0f} MB"
    decoders = counted(now.decoders, "decoder")
    yield Text(f"{decoders}{replaced}; memory of worker and decoders: {memory}")
    for failure in now.failures:
        at = time.strftime("%H:%M:%S", time.localtime(failure.at_s))
        about = f"task {failure.task_id!r}: {failure.message}"
        yield Text.assemble(
            (f"{at} {failure.code}", "red"),
            f"  {printable(about)}",
            no_wrap=True,
            overflow="ellipsis",
        )


@contextmanager
def _log_above(screen: Console) -> Iterator[None]:
    """Lets the log appear above what is live, unless it goes elsewhere."""
    if not sys.stderr.isatty():
        yield
        return
    before = send_log_to(_Above(screen))
    try:
        yield
    finally:
        send_log_to(before)


class _Above:
    """The part of a stream that a log handler needs."""

    def __init__(self, screen: Console) -> None:
        self._screen = screen

    def write(self, line: str) -> None:
        self._screen.print(Text(line.removesuffix("\n")), soft_wrap=True)

    def flush(self) -> None:
        """Nothing is held back."""
