"""One task from fetch to report: whatever happens in between, the client gets an answer."""

import asyncio
import logging
import time
from collections.abc import Awaitable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final

from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.classify.labels import labels_of
from taskworker_classifyimage.errors import BridgeRejected, ErrorCode, TaskError, TaskGone
from taskworker_classifyimage.pipeline.decode import DecodeLimits, decode
from taskworker_classifyimage.pipeline.fetch import fetch
from taskworker_classifyimage.pipeline.infer import infer, name_best
from taskworker_classifyimage.pipeline.repeats import Probabilities, Repeats, content_key
from taskworker_classifyimage.pipeline.report import report
from taskworker_classifyimage.pipeline.timing import Timing
from taskworker_classifyimage.taskbridge.client import BridgeClient
from taskworker_classifyimage.taskbridge.outage import Outage
from taskworker_classifyimage.tasks import (
    Provenance,
    Task,
    error_json,
    parse_request,
    result_json,
)

_log = logging.getLogger(__name__)

#: Hashed on the event loop: under a millisecond, and less than a hop to a thread and back.
_HASH_AT_ONCE_BYTES: Final = 2**20


@dataclass(slots=True)
class Tally:
    """How many tasks ended how."""

    classified: int = 0
    failed: int = 0
    gone: int = 0


class Handler:
    """Carries one task at a time, many at once, through fetch, decode, infer and report."""

    def __init__(
        self,
        client: BridgeClient,
        outage: Outage,
        classifier: Classifier,
        limits: DecodeLimits,
        compute: Executor,
    ) -> None:
        self._client = client
        self._outage = outage
        self._classifier = classifier
        self._labels = labels_of(classifier.pack)
        self._limits = limits
        self._compute = compute
        self._repeats = Repeats()
        self.tally = Tally()

    async def handle(self, task: Task) -> Timing | None:
        """Does one task and reports its result; raises nothing but cancellation.

        Returns:
            What it cost, None if it did not go all the way to a classified picture.
        """
        timing = Timing()
        try:
            result = await self._result(task, timing)
            with timing.network():
                await report(self._client, self._outage, task, result)
        except TaskGone as err:
            self.tally.gone += 1
            _log.info("task %r is dropped: %s", task.id, err)
        except BridgeRejected as err:
            self.tally.gone += 1
            _log.error("task %r is given up, its result is refused: %s", task.id, err)
        else:
            self._note(task, result)
            if "error" not in result:
                return timing
        return None

    async def _result(self, task: Task, timing: Timing) -> dict[str, object]:
        try:
            request = parse_request(task.data)
            with timing.network():
                encoded = await fetch(self._client, self._outage, task, self._limits.file_bytes)
            probabilities = await self._probabilities(encoded, timing)
            predictions, warnings = name_best(probabilities, self._labels, request)
        except TaskError as err:
            return self._error(task, str(err), err.code)
        except TaskGone:
            raise
        except Exception:  # noqa: BLE001 - the client gets an answer, the log gets the traceback
            _log.exception("task %r failed by a fault of this program", task.id)
            return self._error(task, "internal error", ErrorCode.INTERNAL)
        return result_json(predictions, self._provenance, _age_s(task), warnings)

    async def _probabilities(self, encoded: bytes, timing: Timing) -> Probabilities:
        loop = asyncio.get_running_loop()

        def compute() -> Awaitable[Probabilities]:
            # One hop for both steps: a hop between threads costs as much as a call to the bridge.
            return loop.run_in_executor(self._compute, self._decode_and_infer, encoded, timing)

        if len(encoded) <= _HASH_AT_ONCE_BYTES:
            key = content_key(encoded)
        else:
            key = await loop.run_in_executor(self._compute, content_key, encoded)
        return await self._repeats.get(key, compute)

    def _decode_and_infer(self, encoded: bytes, timing: Timing) -> Probabilities:
        with timing.compute():
            image = decode(encoded, self._classifier.pack.input, self._limits)
            return infer(self._classifier, image)

    def _error(self, task: Task, message: str, code: ErrorCode) -> dict[str, object]:
        return error_json(message, code, self._provenance, _age_s(task))

    @property
    def repeated(self) -> int:
        """How many pictures were answered without an inference, having been seen before."""
        return self._repeats.hits

    @property
    def _provenance(self) -> Provenance:
        classifier = self._classifier
        return Provenance(classifier.library, classifier.pack.name, classifier.device)

    def _note(self, task: Task, result: dict[str, object]) -> None:
        if "error" in result:
            self.tally.failed += 1
            _log.info("task %r: %s: %s", task.id, result["code"], result["error"])
        else:
            self.tally.classified += 1
            _log.debug("task %r: classified in %s s", task.id, result["duration"])


def _age_s(task: Task) -> float:
    return time.monotonic() - task.taken_at_s
