"""What an actor does: one partition of a run after another, with the local engine."""

import asyncio
import io
import json
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from taskworker_classifyimage.cluster.files import (
    Folder,
    explain,
    is_address,
    look_at,
    open_picture,
)
from taskworker_classifyimage.cluster.models import LoadedModel, ModelJob, open_models
from taskworker_classifyimage.cluster.plan import Plan, part_name
from taskworker_classifyimage.errors import UserError
from taskworker_classifyimage.local.engine import LocalEngine
from taskworker_classifyimage.local.found import Found, facts_of
from taskworker_classifyimage.local.progress import Counts
from taskworker_classifyimage.local.rows import Row
from taskworker_classifyimage.local.run import collect
from taskworker_classifyimage.outputs import parquet_file
from taskworker_classifyimage.tasks import ClassifyRequest

#: Lines of the log that are kept of a partition.
_MOST_LOGGED: Final = 20
#: Threads that ask a store for sizes.
_ASKING: Final = 16


@dataclass(frozen=True, slots=True)
class PartitionJob:
    """What an actor does with a partition.

    Attributes:
        models: how it classifies.
        expected: the model that all other actors have.
        request: what is wanted of each picture.
        destination: the folder of the run.
        facts: what is true of the whole run.
        remembers: whether equal pictures of a partition are classified once.
    """

    models: ModelJob
    expected: LoadedModel
    request: ClassifyRequest
    destination: str
    facts: Mapping[str, object]
    remembers: bool


class _Kept(logging.Handler):
    """Keeps what this program logs, for whoever started the run: nobody sees an actor's log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps the first ones."""
        if len(self._texts) < _MOST_LOGGED:
            self._texts.append(self.format(record))

    def take(self) -> list[str]:
        """What there is since the last time."""
        texts, self._texts = self._texts, []
        return texts


class PartitionClassifier:
    """Classifies partitions; an error that concerns all of them is what it returns.

    Ray makes it in a process of its own, which ends it.
    """

    def __init__(self, job: PartitionJob) -> None:
        """Loads the model and starts the decoders."""
        self._job = job
        self._folder = Folder(job.destination)
        self._problem = ""
        self._logged = _Kept()
        logging.getLogger("taskworker_classifyimage").addHandler(self._logged)
        self._loop = asyncio.new_event_loop()
        self._asking = ThreadPoolExecutor(_ASKING, "ask")
        try:
            self._engine = self._make_engine()
        except UserError as err:
            self._problem = str(err)

    def __call__(self, row: Mapping[str, Any]) -> dict[str, object]:
        """Classifies the partition with the number that `row` has as `item`; writes its rows."""
        number = int(row["item"])
        codes: Mapping[str | None, int] = {}
        problem = self._problem
        if not problem:
            try:
                codes = self._do(number)
            except OSError as err:
                problem = f"{self._folder.address}: {explain(err)}"
            except UserError as err:
                problem = str(err)
        told = json.dumps([[code, many] for code, many in codes.items()])
        logged = json.dumps(self._logged.take())
        return {"number": number, "codes": told, "problem": problem, "logged": logged}

    def close(self) -> None:
        """Ends its threads and decoders; Ray ends its whole process instead."""
        if not self._problem:
            self._engine.close()
        self._asking.shutdown()
        self._loop.close()
        logging.getLogger("taskworker_classifyimage").removeHandler(self._logged)

    def _make_engine(self) -> LocalEngine:
        job = self._job
        opened = open_models(job.models, [job.expected])
        return LocalEngine(
            opened.classifiers[0],
            opened.decoders,
            job.request,
            remembers=job.remembers,
            share=opened.share,
        )

    def _do(self, number: int) -> Counts:
        found = self._complete(Plan(self._folder).read(number))
        engine = _LateReading(self._engine)
        rows = self._loop.run_until_complete(collect(engine, found, lambda _: None))
        codes = Counts(row.code for row in rows)
        facts = {**self._job.facts, **describe_counts(codes)}
        content = io.BytesIO()
        parquet_file.encode(content, rows, facts)
        self._folder.write(part_name(number), content.getvalue())
        return codes

    def _complete(self, found: Sequence[Found]) -> Iterator[Found]:
        """With sizes, by which files are given memory, and ways to open what is in a store."""
        limit_bytes = self._engine.limit_bytes
        for each in self._asking.map(_measure, found):
            if is_address(each.path):
                opened = partial(open_picture, each.path, each.size_bytes, limit_bytes)
                yield replace(each, open_member=opened)
            else:
                yield each


class _LateReading:
    """The local engine for files of which each can be read at any time, and several at once."""

    def __init__(self, engine: LocalEngine) -> None:
        self._engine = engine
        self.most, self.together = engine.most, engine.together

    async def read(self, found: Sequence[Found]) -> Callable[[], Awaitable[list[Row]]]:
        """Reads nothing yet."""

        async def classify() -> list[Row]:
            return await (await self._engine.read(found))()

        return classify


def describe_counts(codes: Counts) -> dict[str, object]:
    """How many files ended how, as in the facts of a run."""
    counts = {"ok": codes.classified, "not_a_picture": codes.no_picture, "failed": codes.failed}
    return {"counts": counts, "codes": {code or "": many for code, many in codes.items()}}


def _measure(found: Found) -> Found:
    if found.size_bytes is not None:
        return found
    if not is_address(found.path):
        return Found(found.path, *facts_of(found.path))
    with suppress(OSError):
        if (entry := look_at(found.path)) is not None:
            return Found(found.path, entry.size_bytes, entry.modified_ns)
    return found
