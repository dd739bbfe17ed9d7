"""`classify` on a cluster: from what the user named to a folder of Parquet and the exit code.

part-00000000.parquet   rows of a partition
_list/                  which files belong to which partition
_run.json               what is true of the whole run
_lock                   keeps a second run of this machine away
"""

import asyncio
import json
import logging
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any, Final, cast

from taskworker_classifyimage.cluster.files import Folder, explain, open_file
from taskworker_classifyimage.cluster.partition import (
    PartitionClassifier,
    PartitionJob,
    describe_counts,
)
from taskworker_classifyimage.cluster.plan import Plan, part_name
from taskworker_classifyimage.cluster.pool_size import PoolSize
from taskworker_classifyimage.cluster.sources import ClusterSources
from taskworker_classifyimage.errors import ClusterFailed, ConfigError, OutputFailed, one_line
from taskworker_classifyimage.local.found import Found
from taskworker_classifyimage.local.index import SeenPaths
from taskworker_classifyimage.local.progress import Counts, Progress
from taskworker_classifyimage.outputs.parquet_file import RUN_KEY, import_pyarrow
from taskworker_classifyimage.outputs.run_facts import (
    check_same_settings,
    encode_facts,
    time_of_now,
)
from taskworker_classifyimage.outputs.run_lock import run_lock
from taskworker_classifyimage.stopping import stop_on_signals, unless

_log = logging.getLogger(__name__)

_RUN: Final = "_run.json"
_LOCK: Final = "_lock"
#: Partitions that wait at an actor, so that it never waits for one.
_IN_FLIGHT: Final = 2
#: Parts whose counts are read at the same time.
_READING: Final = 16


class FolderRun:
    """One run into a folder.

    Attributes:
        address: of the folder, absolute.
        facts: what is true of the whole run.
        counts: how many files have which code, also by earlier runs.
        is_stopped: whether a signal has ended it.
    """

    def __init__(self, destination: str, progress: Progress) -> None:
        """Touches nothing yet."""
        self.counts = Counts()
        self.is_stopped = False
        self._folder = Folder(destination)
        self.address = self._folder.address
        self._plan = Plan(self._folder)
        self._progress = progress
        self.facts: dict[str, object] = {}
        self._stack = ExitStack()

    @property
    def written_paths(self) -> frozenset[str]:
        """The absolute paths that the run writes, which are no sources."""
        return frozenset([self.address] if self._folder.is_local else [])

    @contextmanager
    def opened(self, *, resumes: bool, overwrites: bool) -> Iterator[int]:
        """Locks the folder for the time of the block; gives the number of files that are done.

        Raises:
            ConfigError: it has something already, or another run is writing it.
            OutputFailed: it cannot be written.
        """
        with ExitStack() as stack, self._as_output_failed():
            if self._folder.is_local:
                self._lock(stack)
            if overwrites:
                self._plan.remove()
            done = self._plan.done()
            if not resumes and (done or self._plan.numbers()):
                raise ConfigError(
                    f"--output {self.address} has a run already; --overwrite replaces it, "
                    "--resume goes on with it"
                )
            self._folder.remove_unfinished()
            self.counts = self._read_counts(done)
            yield self.counts.total()

    def begin(self, facts: Mapping[str, object], *, resumes: bool) -> None:
        """Notes what is true of the whole run.

        Raises:
            ConfigError: it was begun with other settings.
            OutputFailed: it cannot be written.
        """
        with self._as_output_failed():
            before = json.loads(self._folder.read(_RUN) or b"{}") if resumes else {}
            if before:
                check_same_settings(self.address, before, facts)
            self.facts = {**before, **facts}
            self._write_facts()

    def list_files(self, sources: ClusterSources, size: int, *, resumes: bool) -> None:
        """Cuts what is not in the plan yet into partitions of so many files; raises `UserError`."""
        with self._as_output_failed():
            seen = SeenPaths() if resumes or sources.may_repeat else None
            total = self._plan.see(seen) if seen is not None and resumes else 0
            self._progress.total = total
            numbers = self._plan.numbers()
            start = numbers[-1] + 1 if numbers else 0
            for many in self._plan.write(_leave_out(sources.find(), seen), size, start):
                total += many
                self._progress.total = total
            if seen is not None:
                seen.close()
            self._progress.reused = self.counts.total()

    def classify(self, ray: ModuleType, size: PoolSize, job: PartitionJob) -> None:
        """Has all partitions done that have no rows yet.

        Raises:
            OutputFailed: rows cannot be written.
            ClusterFailed: the cluster does not do it.
        """
        with self._as_output_failed():
            waiting = sorted(set(self._plan.numbers()).difference(self._plan.done()))
        if waiting:
            asyncio.run(self._run(ray, waiting, size, job))
        if not self.is_stopped:
            with self._as_output_failed():
                # Of actors that were killed.
                self._folder.remove_unfinished()
                self.facts["finished"] = time_of_now()
                self.facts.update(describe_counts(self.counts))
                self._write_facts()

    async def _run(
        self, ray: ModuleType, waiting: Sequence[int], size: PoolSize, job: PartitionJob
    ) -> None:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def work() -> None:
            try:
                for told in _start(waiting, size, job):
                    loop.call_soon_threadsafe(self._note, told)
            except BaseException as err:  # noqa: BLE001 - raised where it is waited for
                loop.call_soon_threadsafe(_fail, done, err)
            else:
                loop.call_soon_threadsafe(_finish, done)

        with stop_on_signals() as stop:
            threading.Thread(target=work, name="ray-data", daemon=True).start()
            try:
                await unless(stop, done)
            except (OutputFailed, asyncio.CancelledError):
                raise
            except Exception as err:
                raise ClusterFailed(f"the cluster gives up: {one_line(err)[-500:]}") from err
            finally:
                self.is_stopped = stop.is_set()
                with suppress(Exception):
                    ray.shutdown()

    def _note(self, told: Mapping[str, Any]) -> None:
        for text in json.loads(told["logged"]):
            _log.warning("an actor: %s", text)
        codes = Counts(dict(json.loads(told["codes"])))
        self._progress.done.update(codes)
        self.counts.update(codes)

    def _read_counts(self, numbers: Sequence[int]) -> Counts:
        """From the files of earlier runs, a few at a time."""
        counts = Counts()
        with ThreadPoolExecutor(_READING, "counts") as threads:
            for codes in threads.map(self._read_codes, numbers):
                counts.update({code or None: many for code, many in codes.items()})
        return counts

    def _read_codes(self, number: int) -> Mapping[str, int]:
        _, parquet = import_pyarrow()
        name = self._folder.place(part_name(number))
        try:
            with open_file(name) as file:
                run = json.loads(parquet.ParquetFile(file).schema_arrow.metadata[RUN_KEY.encode()])
            return cast("Mapping[str, int]", run["codes"])
        except (ValueError, KeyError, TypeError):
            raise ConfigError(f"{name} is damaged; delete it to have it made again") from None

    def _lock(self, stack: ExitStack) -> None:
        folder = Path(self.address)
        if folder.exists() and not folder.is_dir():
            raise ConfigError(f"--output {folder} is a file; with --engine ray it is a folder")
        folder.mkdir(parents=True, exist_ok=True)
        stack.enter_context(run_lock(folder / _LOCK, folder))

    def _write_facts(self) -> None:
        self._folder.write(_RUN, encode_facts(self.facts))

    @contextmanager
    def _as_output_failed(self) -> Iterator[None]:
        try:
            yield
        except OSError as err:
            where = str(err.filename or self.address)
            raise OutputFailed(f"{where}: {explain(err)}") from None


def _start(
    waiting: Sequence[int], size: PoolSize, job: PartitionJob
) -> Iterator[Mapping[str, Any]]:
    """Gives what actors tell of the partitions, as they are done."""
    data = sys.modules["ray.data"]
    most = min(size.most, len(waiting))
    pool = data.ActorPoolStrategy(
        min_size=min(size.least, most), max_size=most, max_tasks_in_flight_per_actor=_IN_FLIGHT
    )
    # One block for each partition: what dies costs one.
    partitions = data.from_items(list(waiting), override_num_blocks=len(waiting))
    done = partitions.map(
        PartitionClassifier,
        fn_constructor_args=(job,),
        compute=pool,
        num_cpus=size.cpus,
        num_gpus=size.gpus or None,
    )
    for told in done.iter_rows():
        if told["problem"]:
            raise OutputFailed(told["problem"])
        yield told


def _leave_out(found: Iterator[Found], seen: SeenPaths | None) -> Iterator[Found]:
    return found if seen is None else (each for each in found if seen.add(each.path))


def _fail(done: "asyncio.Future[None]", err: BaseException) -> None:
    if not done.done():
        done.set_exception(err)


def _finish(done: "asyncio.Future[None]") -> None:
    if not done.done():
        done.set_result(None)
