"""One task from fetch to report: whatever happens in between, the client gets an answer."""

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from taskworker_classifyimage.bridge_client.client import BridgeClient
from taskworker_classifyimage.bridge_client.outage import Outage
from taskworker_classifyimage.errors import (
    BadRequest,
    BridgeRejected,
    ErrorCode,
    TaskError,
    TaskGone,
    TaskLeft,
    UserError,
)
from taskworker_classifyimage.pipeline.fetch import fetch, fetch_data
from taskworker_classifyimage.pipeline.infer import name_best
from taskworker_classifyimage.pipeline.recognise import Recogniser
from taskworker_classifyimage.pipeline.report import Reporter
from taskworker_classifyimage.pipeline.timing import Timing
from taskworker_classifyimage.tasks import (
    UNKNOWN,
    ClassifyRequest,
    Task,
    error_json,
    parse_request,
    result_json,
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TaskLimits:
    """What one task may cost.

    Attributes:
        file_bytes: largest encoded file, checked while it is read.
        task_s: longest time from take to result, that of an outage not counted.
    """

    file_bytes: int = 256 * 2**20
    task_s: float = 600.0


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
        reporter: Reporter,
        recognisers: Sequence[Recogniser],
        limits: TaskLimits,
        *,
        tells_provenance: bool = False,
    ) -> None:
        self._client = client
        self._outage = outage
        self._reporter = reporter
        self._recognisers = {each.provenance.model: each for each in recognisers}
        self._default = recognisers[0]
        self._limits = limits
        self._tells_provenance = tells_provenance
        self.tally = Tally()

    async def handle(self, task: Task) -> Timing | None:
        """Does one task and reports its result.

        Returns:
            What it cost, None if it did not go all the way to a classified picture.

        Raises:
            TaskLeft: the bridge does not let it come to its end now.
        """
        timing = Timing()
        try:
            kept = await self._reporter.kept.find(task.id) if task.data is UNKNOWN else None
            result = await self._result(task, timing) if kept is None else kept
            with timing.network():
                await self._report(task, result, is_kept=kept is not None)
        except TaskGone as err:
            self.tally.gone += 1
            _log.info("task %r is dropped: %s", task.id, err)
        else:
            self._note(task, result)
            if "error" not in result and task.data is not UNKNOWN:
                return timing
        return None

    async def forget_results_but(self, task_ids: Iterable[str]) -> None:
        """Drops what was kept for tasks that are not ours any more."""
        dropped = await self._reporter.kept.drop_all_but(task_ids)
        if dropped:
            _log.info("%d kept results are of no use any more and are dropped", dropped)

    async def _report(self, task: Task, result: dict[str, object], *, is_kept: bool) -> None:
        try:
            await self._reporter.report(task.id, result, is_kept=is_kept)
        except BridgeRejected as err:
            _log.error("task %r: its result is refused: %s", task.id, err)
            refused = self._error(task, self._default, f"the result is refused: {err}")
            try:
                await self._reporter.report(task.id, refused)
            except BridgeRejected:
                raise TaskLeft("the bridge refuses every result") from None

    async def _result(self, task: Task, timing: Timing) -> dict[str, object]:
        recogniser = self._default
        try:
            async with self._outage.limit(self._limits.task_s):
                with timing.network():
                    data = await fetch_data(self._client, self._outage, task, self._reporter.worker)
                request = parse_request(data)
                recogniser = self._asked(request)
                with timing.network():
                    encoded = await fetch(self._client, self._outage, task, self._limits.file_bytes)
                timing.file_bytes = len(encoded)
                answer = await recogniser.recognise(encoded, timing)
            predictions, warnings = name_best(answer.probabilities, recogniser.labels, request)
        except TaskError as err:
            return self._error(task, recogniser, str(err), err.code)
        except (TaskGone, TaskLeft, UserError):
            # What only we can mend is no answer to a task.
            raise
        except TimeoutError:
            message = f"the task took more than {self._limits.task_s:.0f} s"
            return self._error(task, recogniser, message, ErrorCode.TIMED_OUT)
        except Exception:  # noqa: BLE001 - the client gets an answer, the log gets the traceback
            _log.exception("task %r failed by a fault of this program", task.id)
            return self._error(task, recogniser, "internal error")
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
        self,
        task: Task,
        recogniser: Recogniser,
        message: str,
        code: ErrorCode = ErrorCode.INTERNAL,
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
