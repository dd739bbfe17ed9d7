"""One run of `classify`: from what the user named to the outputs and the exit code."""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from taskworker_classifyimage.commands.case_job import check_case, describe_case, find_case
from taskworker_classifyimage.commands.engine import FolderTask
from taskworker_classifyimage.commands.progress import Talk, describe_end, show_progress
from taskworker_classifyimage.errors import ConfigError, ExitCode, OutputFailed, printable
from taskworker_classifyimage.local.category_filter import CategoryFilter
from taskworker_classifyimage.local.counting import Counting
from taskworker_classifyimage.local.filters import Filters
from taskworker_classifyimage.local.found import Found
from taskworker_classifyimage.local.index import MOST_AT_ONCE, SeenPaths
from taskworker_classifyimage.local.progress import Counts, Progress
from taskworker_classifyimage.local.rows import Row
from taskworker_classifyimage.local.run import Engine, Hooks, classify_all, take
from taskworker_classifyimage.local.sources import Sources
from taskworker_classifyimage.local.vics.case import Case
from taskworker_classifyimage.local.walk import Walk
from taskworker_classifyimage.outputs.failed_list import FailedList
from taskworker_classifyimage.outputs.formats import choose_outputs
from taskworker_classifyimage.outputs.make import Style, check_libraries, encode_line, make_output
from taskworker_classifyimage.outputs.run_facts import time_of_now
from taskworker_classifyimage.settings.classify_areas import Files, Outputs
from taskworker_classifyimage.stopping import stop_on_signals
from taskworker_classifyimage.words import counted

if TYPE_CHECKING:
    from taskworker_classifyimage.outputs.files import OutputFiles
    from taskworker_classifyimage.outputs.sidecar import Style as SidecarStyle

#: Makes what classifies.
OpenEngine = Callable[[Hooks], AbstractAsyncContextManager[Engine]]


class FolderJob:
    """Classifies what the user named, once."""

    def __init__(
        self,
        paths: Sequence[str],
        named: Files,
        wanted: Outputs,
        kept: CategoryFilter | None = None,
        *,
        is_quiet: bool,
    ):
        """Touches nothing yet; raises `ConfigError` if the outputs are wrong."""
        self._kept = kept
        self._paths = paths
        self._named = named
        self._wanted = wanted
        self._is_quiet = is_quiet
        self._style = Style(wanted.lean, wanted.rows == "predictions", wanted.excel, wanted.sha256)
        self._chosen = chosen = choose_outputs(
            [Path(each) for each in wanted.output], wanted.format
        )
        self._filters = Filters(named.include, named.exclude, named.all)
        self._progress = Progress(self._filters)
        self._talk = Talk(self._progress, is_quiet=is_quiet)
        self._case = find_case(named, self._talk.tell)
        self._files = self._make_files() if chosen else None
        self._failed = FailedList(wanted.failed) if wanted.failed else None
        self._is_stopped = False
        #: How many files have which code in all of the output, also by earlier runs.
        self._counts = self._progress.done
        self._start_s = time.monotonic()

    def _make_files(self) -> "OutputFiles":
        from taskworker_classifyimage.outputs.files import OutputFiles  # noqa: PLC0415 - not for all

        make = partial(make_output, style=self._style)
        make_case = None if self._case is None else partial(self._write_case, self._case)
        keeps = None if self._kept is None else self._kept.keeps
        return OutputFiles(self._chosen, make, make_case, keeps, is_lean=self._style.is_lean)

    def _write_case(self, case: Case, part: Path, find_row: Callable[[str], Row | None]) -> None:
        from taskworker_classifyimage.outputs import vics_file  # noqa: PLC0415 - not for all

        written = vics_file.write(part, case, find_row, self._wanted.vics_probability)
        self._talk.tell(describe_case(written))

    def check(self) -> None:
        """Checks what can be checked before a model is loaded.

        Raises:
            ConfigError: something is missing, or flags do not go together.
        """
        wanted = self._wanted
        if self._files is None and (wanted.resume or wanted.overwrite):
            raise ConfigError("--resume and --overwrite need an --output FILE")
        if wanted.partition_size is not None:
            raise ConfigError("--partition-size goes with --engine ray")
        if wanted.update and not wanted.resume:
            raise ConfigError("--update goes with --resume")
        if wanted.resume and wanted.overwrite:
            raise ConfigError("--resume keeps what --overwrite deletes: choose one of them")
        check_libraries(self._chosen)
        check_case(self._case, self._chosen)
        self._sources().check()

    def run(self, facts: Mapping[str, object], open_engine: OpenEngine) -> int:
        """Classifies everything; returns the exit code.

        Args:
            facts: what is true of the whole run.
            open_engine: makes what classifies.

        Raises:
            UserError: no picture can be classified, or the outputs cannot be written.
        """
        with _as_output_failed("nothing is written yet"):
            if self._failed is not None:
                self._failed.begin()
            if self._files is not None:
                named = {
                    "folder": str(Path.cwd()),
                    "paths": list(self._paths),
                    "started": time_of_now(),
                }
                case = {} if self._case is None else {"case": str(self._case.path)}
                kept = {} if self._kept is None else self._kept.describe()
                self._open(self._files, {**facts, **named, **case, **kept})
        try:
            asyncio.run(self._classify(open_engine))
            if self._files is not None and not self._is_stopped:
                self._finish(self._files)
            # A run that was stopped and can go on has its list at its end.
            if self._failed is not None and not (self._files and self._is_stopped):
                self._failed.finish()
        finally:
            if self._files is not None:
                self._files.close()
        return self._end()

    def remove_sidecar_keywords(self) -> int:
        """Removes the keywords that earlier runs wrote; returns the exit code."""
        from taskworker_classifyimage.outputs.sidecars import remove_keywords  # noqa: PLC0415 - for few

        style = self._wanted.sidecar or "full"
        changed, problems = remove_keywords(self._sources().find(), style)
        for problem in problems:
            self._talk.tell(problem)
        self._talk.tell(f"keywords removed from {counted(changed, 'sidecar')}")
        return ExitCode.FAILED if problems else ExitCode.DONE

    def _open(self, files: "OutputFiles", facts: Mapping[str, object]) -> None:
        files.open(facts, resumes=self._wanted.resume, overwrites=self._wanted.overwrite)
        if there := files.checkpoint.index.count().total():
            self._talk.tell(f"{there:,} files are there already")

    async def _classify(self, open_engine: OpenEngine) -> None:
        hooks, files = Hooks(), self._files
        if files is not None:
            find_equal = None if self._wanted.no_dedup else files.find_equal
            hooks = Hooks(find_equal, files.checkpoint.index, files.thumbnails)
        with stop_on_signals() as stop:
            async with open_engine(hooks) as engine:
                await self._run(engine, stop)

    async def _run(self, engine: Engine, stop: asyncio.Event) -> None:
        counting, showing = Counting(self._note_total), None
        if not self._is_quiet:
            counting.start(self._sources())
            has_bar = sys.stderr.isatty() and not (self._files is None and sys.stdout.isatty())
            showing = asyncio.create_task(show_progress(self._progress, has_bar=has_bar))
        self._start_s = time.monotonic()
        try:
            await classify_all(engine, self._find(stop), self._write, stop)
        finally:
            self._is_stopped = stop.is_set()
            counting.stop()
            if showing is not None:
                showing.cancel()
                await asyncio.wait((showing,))

    def _find(self, stop: asyncio.Event) -> Iterator[Found]:
        """The files that are still to be classified."""
        sources = self._sources()
        seen = SeenPaths() if sources.may_repeat else None
        finding = sources.find()
        while not stop.is_set() and (batch := take(finding, MOST_AT_ONCE)) is not None:
            if seen is not None:
                batch = [found for found in batch if seen.add(found.path)]
            yield from self._leave_out_done(batch)

    def _leave_out_done(self, batch: list[Found]) -> Iterator[Found]:
        """The files that no earlier run has done, or that have changed since."""
        if self._files is None or not self._wanted.resume:
            yield from batch
            return
        entries = self._files.checkpoint.index.find_all([found.path for found in batch])
        for found, entry in zip(batch, entries, strict=True):
            if entry is not None:
                known = entry.size_bytes, entry.modified_ns
                is_changed = known != (found.size_bytes, found.modified_ns)
                if not (is_changed and self._wanted.update):
                    self._progress.reused += 1
                    self._progress.changed += is_changed
                    continue
            yield found

    def _note_total(self, total: int) -> None:
        self._progress.total = total

    def _write_sidecars(self, rows: Sequence[Row], style: "SidecarStyle") -> None:
        from taskworker_classifyimage.outputs.sidecars import write_sidecars  # noqa: PLC0415 - for few

        problems = write_sidecars(rows, style, self._wanted.sidecar_probability)
        self._progress.sidecars_failed += len(problems)
        for problem in problems:
            self._talk.tell(problem)

    def _write(self, rows: Sequence[Row]) -> None:
        if self._wanted.sidecar is not None:
            # Before the rows: after a kill, a run does not come back to what has one.
            self._write_sidecars(rows, self._wanted.sidecar)
        kept = rows if self._kept is None else list(filter(self._kept.keeps, rows))
        written = self._progress.written
        how = f"written so far: {counted(written, 'file')}"
        if self._files is None:
            with _as_output_failed(how, "standard output"):
                _print_rows(kept, self._style)
            if self._failed is not None:
                with _as_output_failed(how):
                    self._failed.add(rows)
        else:
            way_out = f"{how}; go on with --resume when that is mended"
            with _as_output_failed(way_out, str(self._files.checkpoint.path)):
                self._files.append(rows)
        self._progress.note(rows)
        self._progress.left_out += len(rows) - len(kept)

    def _finish(self, files: "OutputFiles") -> None:
        counts = self._counts = Counts(files.checkpoint.index.count())
        facts = {
            "finished": time_of_now(),
            "counts": {
                "ok": counts.classified,
                "not_a_picture": counts.no_picture,
                "failed": counts.failed,
                "skipped": self._progress.skipped,
            },
            "failed_by_code": counts.failures(),
            "unreadable_folders": self._progress.unreadable,
        }
        with _as_output_failed(
            f"{counts.total():,} files are in {files.checkpoint.path}; run it again with --resume"
        ):
            if self._failed is not None:
                self._failed.add(row for _, row in files.checkpoint.rows())
            files.finish(facts)

    def _end(self) -> int:
        progress = self._progress
        if not self._is_quiet:
            passed_s = time.monotonic() - self._start_s
            print(describe_end(progress, passed_s), file=sys.stderr)
        if self._is_stopped:
            if self._files is not None:
                kept = self._files.checkpoint.path
                self._talk.tell(f"stopped; {kept} keeps what is done: go on with --resume")
            return ExitCode.FORCED
        is_failed = self._counts.failed or (self._wanted.strict and self._counts.no_picture)
        if is_failed or progress.unreadable or progress.sidecars_failed:
            return ExitCode.FAILED
        return ExitCode.DONE

    def _sources(self) -> Sources:
        own = self._files.paths if self._files else frozenset()
        walk = Walk(self._filters, self._named.sort, self._talk.tell_unreadable, own)
        named = self._named
        return Sources(self._paths, walk, named.files_from, named.archives, self._case)


def make_job(task: FolderTask) -> FolderJob:
    """A job that is checked.

    Raises:
        ConfigError: something is missing, or flags do not go together.
    """
    kept, is_quiet = task.answers.make_filter(), task.settings.general.quiet
    job = FolderJob(task.paths, task.files, task.outputs, kept, is_quiet=is_quiet)
    job.check()
    return job


@contextmanager
def _as_output_failed(way_out: str, where: str = "") -> Iterator[None]:
    try:
        yield
    except OSError as err:
        named = where or printable(str(err.filename or "the output"))
        raise OutputFailed(f"{named}: {err.strerror or err}; {way_out}") from None


def _print_rows(rows: Sequence[Row], style: Style) -> None:
    try:
        sys.stdout.buffer.writelines(encode_line(row, style) for row in rows)
        sys.stdout.buffer.flush()
    except OSError:
        # At its exit, Python would try to write what is left, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise
