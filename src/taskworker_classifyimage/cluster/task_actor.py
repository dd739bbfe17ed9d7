"""What an actor does for a worker: answers one picture of a task after another."""

import errno
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass

from taskworker_classifyimage.cluster.models import LoadedModel, ModelJob, open_models
from taskworker_classifyimage.errors import NeedsMemory, TaskError, TooLarge, UserError, one_line
from taskworker_classifyimage.local.task_engines import start_engines
from taskworker_classifyimage.pipeline.engine import ConcurrentEngine
from taskworker_classifyimage.pipeline.result import Answer
from taskworker_classifyimage.pipeline.timing import Timing
from taskworker_classifyimage.shortage import name_shortage


@dataclass(frozen=True, slots=True)
class Told:
    """What comes of a picture.

    Attributes:
        answer: the model's; None if there is a problem.
        problem: why there is no answer.
        decode_s, infer_s: what it took there.
    """

    answer: Answer | None
    problem: Exception | None = None
    decode_s: float = 0.0
    infer_s: float = 0.0


class TaskActor:
    """Answers several pictures at once; Ray makes it in a process of its own, and calls it."""

    def __init__(self, job: ModelJob, expected: Sequence[LoadedModel]) -> None:
        """Loads the models and starts the decoders."""
        self._problem: str | None = None
        self._engines: list[ConcurrentEngine] = []
        try:
            self._opened = open_models(job, expected)
        except UserError as err:
            self._problem = str(err)

    async def start(self) -> str | None:
        """Waits until it is ready to answer; returns why it will never be."""
        if self._problem is None:
            opened = self._opened
            # One more than the device needs, as one thread usually waits for a decoder process.
            compute = ThreadPoolExecutor(opened.share.threads + 1, "compute")
            try:
                self._engines = await start_engines(
                    opened.classifiers, opened.decoders, compute, opened.share.memory
                )
            except UserError as err:
                return str(err)
        return self._problem

    async def answer(self, number: int, encoded: bytes, sha256: str, *, is_alone: bool) -> Told:
        """Answers a picture with the model of this number; errors are part of what it returns."""
        timing = Timing()
        timing.begin("wait")
        engine = self._engines[number]
        try:
            # Other tasks' files wait elsewhere; here each needs its room as well.
            with engine.file_room(nullcontext, nullcontext) as room:
                await room.take(len(encoded))
                answer = await engine.answer(encoded, sha256, timing, is_alone=is_alone)
        except Exception as err:  # noqa: BLE001 - told to whoever has the task
            return Told(None, _to_portable(err))
        timing.end()
        seconds = timing.seconds
        return Told(answer, None, seconds.get("decode", 0.0), seconds.get("infer", 0.0))

    async def pid(self) -> int:
        """The process that it is."""
        return os.getpid()


def _to_portable(err: Exception) -> Exception:
    """An error that can be sent to another process, and means the same there."""
    if (short_of := name_shortage(err)) is not None:
        return OSError(errno.EAGAIN, short_of)
    if isinstance(err, NeedsMemory):
        return TooLarge(str(err))
    if isinstance(err, TaskError | UserError):
        return type(err)(str(err))
    return RuntimeError(f"in an actor: {type(err).__name__}: {one_line(err)}")
