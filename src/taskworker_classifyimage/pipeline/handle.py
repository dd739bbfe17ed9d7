"""One task from fetch to report: whatever happens in between, the client gets an answer."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from taskworker_classifyimage.decode import DecodeLimits
from taskworker_classifyimage.errors import (
    BadRequest,
    BridgeRejected,
    ErrorCode,
    TaskError,
    TaskGone,
)
from taskworker_classifyimage.pipeline.fetch import fetch
from taskworker_classifyimage.pipeline.infer import name_best
from taskworker_classifyimage.pipeline.recognise import Recogniser
from taskworker_classifyimage.pipeline.report import report
from taskworker_classifyimage.pipeline.timing import Timing
from taskworker_classifyimage.taskbridge.client import BridgeClient
from taskworker_classifyimage.taskbridge.outage import Outage
from taskworker_classifyimage.tasks import (
    ClassifyRequest,
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
    """Carries one task at a time, many at once, through fetch, decode, infer and report.

    The first of the recognisers answers tasks that name no model.
    """

    def __init__(
        self,
        client: BridgeClient,
        outage: Outage,
        recognisers: Sequence[Recogniser],
        limits: DecodeLimits,
        *,
        tells_provenance: bool = False,
    ) -> None:
        self._client = client
        self._outage = outage
        self._recognisers = {each.provenance.model: each for each in recognisers}
        self._default = recognisers[0]
        self._limits = limits
        self._tells_provenance = tells_provenance
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
        recogniser = self._default
        try:
            request = parse_request(task.data)
            recogniser = self._asked(request)
            with timing.network():
                encoded = await fetch(self._client, self._outage, task, self._limits.file_bytes)
            answer = await recogniser.recognise(encoded, timing)
            predictions, warnings = name_best(answer.probabilities, recogniser.labels, request)
        except TaskError as err:
            return self._error(task, recogniser, str(err), err.code)
        except TaskGone:
            raise
        except Exception:  # noqa: BLE001 - the client gets an answer, the log gets the traceback
            _log.exception("task %r failed by a fault of this program", task.id)
            return self._error(task, recogniser, "internal error", ErrorCode.INTERNAL)
        warnings += answer.facts.warnings
        evidence = None
        if request.provenance or self._tells_provenance:
            evidence = recogniser.evidence(answer, request.language)
        return result_json(predictions, recogniser.provenance, _age_s(task), warnings, evidence)

    def _asked(self, request: ClassifyRequest) -> Recogniser:
        if request.model is None:
            return self._default
        if request.model not in self._recognisers:
            there = ", ".join(self._recognisers)
            raise BadRequest(f"model {request.model[:100]!r} is not loaded here; there are {there}")
        return self._recognisers[request.model]

    def _error(
        self, task: Task, recogniser: Recogniser, message: str, code: ErrorCode
    ) -> dict[str, object]:
        return error_json(message, code, recogniser.provenance, _age_s(task))

    @property
    def repeated(self) -> int:
        """How many pictures were answered without an inference, having been seen before."""
        return sum(each.repeated for each in self._recognisers.values())

    def _note(self, task: Task, result: dict[str, object]) -> None:
        if "error" in result:
            self.tally.failed += 1
            _log.info("task %r: %s: %s", task.id, result["code"], result["error"])
        else:
            self.tally.classified += 1
            _log.debug("task %r: classified in %s s", task.id, result["duration"])


def _age_s(task: Task) -> float:
    return time.monotonic() - task.taken_at_s
