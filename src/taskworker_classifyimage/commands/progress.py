"""What `classify` tells on standard error while it runs: a bar, or in a log a line a minute."""

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from taskworker_classifyimage.errors import printable
from taskworker_classifyimage.local.progress import Progress

#: Folders that cannot be read and are listed by name; a broken disk has more.
_MOST_UNREADABLE: Final = 1000
_BAR_S: Final = 0.2
_LINE_S: Final = 60.0
#: The rate is that of so many seconds: a bar that remembers the start is wrong for hours.
_RATE_S: Final = 30.0


class Talk:
    """Lines for people on standard error, unless they want none."""

    def __init__(self, progress: Progress, *, is_quiet: bool) -> None:
        self._progress = progress
        self._is_quiet = is_quiet

    def tell(self, text: str) -> None:
        """Prints a line."""
        if not self._is_quiet:
            print(text, file=sys.stderr, flush=True)

    def tell_unreadable(self, folder: str, reason: str) -> None:
        """Lists a folder that cannot be read."""
        if len(self._progress.unreadable) < _MOST_UNREADABLE:
            self._progress.unreadable.append(folder)
            self.tell(f"folder {printable(folder)} cannot be read: {reason}")


async def show_progress(progress: Progress, *, has_bar: bool) -> None:
    """Shows progress until it is cancelled."""
    if has_bar:
        await _show_bar(progress)
    else:
        await _print_lines(progress)


@contextmanager
def show_in_thread(progress: Progress, *, is_quiet: bool) -> Iterator[None]:
    """Shows progress from a thread of its own for the time of the block."""
    if is_quiet:
        yield
        return
    loop = asyncio.new_event_loop()
    showing = loop.create_task(show_progress(progress, has_bar=sys.stderr.isatty()))

    def show() -> None:
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(showing)

    thread = threading.Thread(target=show, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(showing.cancel)
        thread.join()
        loop.close()


def describe_end(progress: Progress, passed_s: float) -> str:
    """One line: how many files ended how, how long it took, how fast it was."""
    done, parts = progress.written, []
    classified = progress.done.classified
    parts.append(f"{classified:,} classified")
    if progress.done.no_picture:
        parts.append(f"{progress.done.no_picture:,} not a picture")
    if progress.done.failed:
        codes = ", ".join(f"{count:,} {code}" for code, count in progress.done.failures().items())
        parts.append(f"{progress.done.failed:,} failed ({codes})")
    if progress.left_out:
        parts.append(f"{progress.left_out:,} left out by --category")
    if progress.reused:
        parts.append(f"{progress.reused:,} were there already")
    if progress.changed:
        parts.append(f"{progress.changed:,} of them have changed since: --update does them again")
    if progress.skipped:
        parts.append(f"{progress.skipped:,} skipped")
    if progress.unreadable:
        folders = len(progress.unreadable)
        parts.append(f"{folders:,} folder{'s' * (folders != 1)} not readable")
    if progress.sidecars_failed:
        parts.append(f"{progress.sidecars_failed:,} without sidecar")
    rate = done / passed_s if passed_s else 0.0
    return f"{', '.join(parts)}; {_describe_time(passed_s)}, {rate:.1f} pictures/s"


async def _print_lines(progress: Progress) -> None:
    rate = _Rate(progress)
    while True:
        await asyncio.sleep(_LINE_S)
        of = "" if progress.total is None else f" of {progress.total:,}"
        left = _describe_left(progress, now := rate.now())
        text = f"{progress.written + progress.reused:,}{of} files, {now:.1f}/s{left}"
        failed = f", {progress.done.failed:,} failed" if progress.done.failed else ""
        print(text + failed, file=sys.stderr, flush=True)


async def _show_bar(progress: Progress) -> None:
    from rich.progress import BarColumn, SpinnerColumn, TextColumn  # noqa: PLC0415 - slow to import
    from rich.progress import Progress as Bar  # noqa: PLC0415 - as above

    from taskworker_classifyimage.commands.output import console  # noqa: PLC0415 - as above

    rate = _Rate(progress)
    columns = (SpinnerColumn(), BarColumn(30), TextColumn("{task.description}", markup=False))
    with Bar(*columns, console=console(sys.stderr), transient=True, auto_refresh=False) as bar:
        task = bar.add_task("", total=None)
        while True:
            done = progress.written + progress.reused
            of = "" if progress.total is None else f" of {progress.total:,}"
            failed = f" · {progress.done.failed:,} failed" if progress.done.failed else ""
            left = _describe_left(progress, now := rate.now())
            text = f"{done:,}{of} · {now:.1f}/s{left}{failed}"
            bar.update(task, completed=done, total=progress.total, description=text)
            bar.refresh()
            await asyncio.sleep(_BAR_S)


class _Rate:
    """Files a second, over the last half minute."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._samples = [(time.monotonic(), progress.written)]

    def now(self) -> float:
        now_s, written = time.monotonic(), self._progress.written
        self._samples.append((now_s, written))
        while len(self._samples) > 2 and self._samples[1][0] < now_s - _RATE_S:
            del self._samples[0]
        first_s, first = self._samples[0]
        return (written - first) / (now_s - first_s) if now_s > first_s else 0.0


def _describe_left(progress: Progress, rate: float) -> str:
    if progress.total is None or rate <= 0:
        return ""
    left = max(progress.total - progress.written - progress.reused, 0)
    return f", {_describe_time(left / rate)} left"


def _describe_time(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {seconds:02d} s"
