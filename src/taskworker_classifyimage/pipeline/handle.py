"""One task from fetch to report: whatever happens in between, the client gets an answer."""

import asyncio
import logging
import time
from concurrent.futures import Executor
from dataclasses import dataclass

from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.classify.labels import Labels
from taskworker_classifyimage.errors import BridgeRejected, ErrorCode, TaskError, TaskGone
from taskworker_classifyimage.pipeline.decode import DecodeLimits, decode
from taskworker_classifyimage.pipeline.fetch import fetch
from taskworker_classifyimage.pipeline.infer import infer
from taskworker_classifyimage.pipeline.report import report
from taskworker_classifyimage.taskbridge.client import BridgeClient
from taskworker_classifyimage.taskbridge.outage import Outage
from taskworker_classifyimage.tasks import (
    Prediction,
    Provenance,
    Task,
    error_json,
    parse_request,
    result_json,
)

_log = logging.getLogger(__name__)


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
        labels: Labels,
        limits: DecodeLimits,
        compute: Executor,
    ) -> None:
        self._client = client
        self._outage = outage
        self._classifier = classifier
        self._labels = labels
        self._limits = limits
        self._compute = compute
        self.tally = Tally()

    async def handle(self, task: Task) -> None:
        """Does one task and reports its result; raises nothing but cancellation."""
        try:
            result = await self._result(task)
            await report(self._client, self._outage, task, result)
        except TaskGone as err:
            self.tally.gone += 1
            _log.info("task %r is dropped: %s", task.id, err)
        except BridgeRejected as err:
            self.tally.gone += 1
            _log.error("task %r is given up, its result is refused: %s", task.id, err)
        else:
            self._note(task, result)

    async def _result(self, task: Task) -> dict[str, object]:
        try:
            predictions, warnings = await self._classify(task)
        except TaskError as err:
            return self._error(task, str(err), err.code)
        except TaskGone:
            raise
        except Exception:  # noqa: BLE001 - the client gets an answer, the log gets the traceback
            _log.exception("task %r failed by a fault of this program", task.id)
            return self._error(task, "internal error", ErrorCode.INTERNAL)
        return result_json(predictions, self._provenance, _age_s(task), warnings)

    async def _classify(self, task: Task) -> tuple[list[Prediction], list[str]]:
        request = parse_request(task.data)
        encoded = await fetch(self._client, self._outage, task, self._limits.file_bytes)
        loop = asyncio.get_running_loop()
        image = await loop.run_in_executor(
            self._compute, decode, encoded, self._classifier.pack.input, self._limits
        )
        return await loop.run_in_executor(
            self._compute, infer, self._classifier, self._labels, image, request
        )

    def _error(self, task: Task, message: str, code: ErrorCode) -> dict[str, object]:
        return error_json(message, code, self._provenance, _age_s(task))

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
