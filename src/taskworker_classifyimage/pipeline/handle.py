"""One task from fetch to report: whatever happens in between, the client gets an answer."""

import asyncio
import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial

from taskworker_classifyimage.bridge_client.bridge import Bridge
from taskworker_classifyimage.bridge_client.time_limit import TimeLimit
from taskworker_classifyimage.errors import (
    BadRequest,
    BridgeRejected,
    ErrorCode,
    MachineShort,
    TaskError,
    TaskGone,
    TaskLeft,
    UserError,
)
from taskworker_classifyimage.figures.work import Outcome, WorkFigures
from taskworker_classifyimage.pipeline.fetch import fetch_data, fetch_file
from taskworker_classifyimage.pipeline.memory_budget import Waits
from taskworker_classifyimage.pipeline.report import Reporter
from taskworker_classifyimage.pipeline.result import Answer
from taskworker_classifyimage.pipeline.task_engine import TaskEngine
from taskworker_classifyimage.pipeline.timing import Timing
from taskworker_classifyimage.shortage import name_shortage
from taskworker_classifyimage.tasks import (
    DEFAULT_LANGUAGE,
    ClassifyRequest,
    Runtime,
    Task,
    error_json,
    parse_request,
)
from taskworker_classifyimage.words import counted

_log = logging.getLogger(__name__)

_CODES = frozenset(each.value for each in ErrorCode)


class Handler:
    """Carries tasks through fetch, decode, infer and report; many at once.

    Attributes:
        figures: what became of the tasks.
    """

    def __init__(
        self,
        bridge: Bridge,
        reporter: Reporter,
        engines: Sequence[TaskEngine],
        task_limit_s: float,
        *,
        always_provenance: bool = False,
        language: str = DEFAULT_LANGUAGE,
    ) -> None:
        """Takes its collaborators.

        Args:
            bridge: the bridge that the tasks come from.
            reporter: delivers the results.
            engines: one for each model; the first one answers tasks that name no model.
            task_limit_s: longest time from take to result, without outages, downloads and waiting
                for memory.
            always_provenance: whether every result contains its provenance.
            language: of the names for tasks that ask for none.
        """
        self._bridge = bridge
        self._reporter = reporter
        self._engines = {each.engine.runtime.model: each for each in engines}
        self._default = engines[0]
        self._task_limit_s = task_limit_s
        self._always_provenance = always_provenance
        self._language = language
        self.figures = WorkFigures()

    @property
    def runtimes(self) -> list[Runtime]:
        """What is loaded, the default first."""
        return [each.engine.runtime for each in self._engines.values()]

    @property
    def cache_hits(self) -> int:
        """How many pictures were answered without an inference, having been seen before."""
        return sum(engine.cache_hits for engine in self._engines.values())

    @property
    def cache_misses(self) -> int:
        """How many pictures were decoded, or tried to."""
        return sum(engine.cache_misses for engine in self._engines.values())

    async def handle(self, task: Task, timing: Timing, aside: Waits = nullcontext) -> bool:
        """Does one task and reports its result.

        Args:
            task: the task.
            timing: takes down what it costs.
            aside: entered while it downloads, or waits for memory.

        Returns:
            Whether its cost is that of any task: not if it was resumed, or ended without a
            classified picture.

        Raises:
            TaskLeft: the bridge does not let it come to its end now.
            MachineShort: the machine does not, so the task is not answered.
            UserError: this installation cannot do any task.
        """
        outcome: Outcome = "left"
        code = ""
        self.figures.begin(timing)
        try:
            result = await self._do(task, timing, aside)
            code = _code_of(result)
            outcome = "failed" if code else "classified"
        except TaskGone as err:
            outcome = "gone"
            _log.info("task %r is dropped: %s", task.id, err)
            return False
        except (MachineShort, UserError, asyncio.CancelledError):
            outcome = "handed_back"
            raise
        finally:
            self.figures.end(timing, outcome, code)
        self._log_end(task, result, timing)
        return not code and not task.is_resumed

    async def _do(self, task: Task, timing: Timing, aside: Waits) -> dict[str, object]:
        """Returns the result that the bridge has now."""
        undelivered = self._reporter.undelivered
        kept = await undelivered.find(task.id) if task.is_resumed else None
        result = await self._classify(task, timing, aside) if kept is None else kept
        timing.begin("report")
        await self._report(task, result, is_kept=kept is not None)
        return result

    async def drop_results_except(self, task_ids: Iterable[str]) -> None:
        """Drops undelivered results, except those of the given tasks."""
        dropped = await self._reporter.undelivered.drop_all_but(task_ids)
        if dropped:
            _log.info("dropped as obsolete: %s", counted(dropped, "undelivered result"))

    async def _classify(self, task: Task, timing: Timing, aside: Waits) -> dict[str, object]:
        runtime = self._default.engine.runtime
        try:
            async with self._bridge.limit(self._task_limit_s) as limit:
                request = parse_request(await fetch_data(self._bridge, task), self._language)
                if self._always_provenance:
                    request = replace(request, provenance=True)
                chosen = self._choose_engine(request)
                engine, runtime = chosen.engine, chosen.engine.runtime
                answer = await self._answer(chosen, task, timing, limit, aside)
            return engine.result(answer, request, task.age_s)
        except TaskError as err:
            return error_json(str(err), err.code, runtime, task.age_s)
        except (TaskGone, TaskLeft):
            raise
        except UserError as err:
            # Not the client's business: operator errors are no answer to a task.
            if short_of := name_shortage(err):
                raise MachineShort(short_of) from err
            raise
        except TimeoutError:
            message = f"the task took more than {self._task_limit_s:.0f} s"
            return error_json(message, ErrorCode.TIMED_OUT, runtime, task.age_s)
        except Exception as err:
            if short_of := name_shortage(err):
                raise MachineShort(short_of) from err
            _log.exception("task %r failed by a fault of this program", task.id)
            return _internal_error(task, runtime, "internal error")

    async def _answer(
        self,
        chosen: TaskEngine,
        task: Task,
        timing: Timing,
        limit: TimeLimit,
        aside: Waits,
    ) -> Answer:
        """Fetches the file and has it answered; the file's memory is held until then."""
        with chosen.file_room(limit.stopped, partial(_wait_for_file, limit, timing)) as room:
            with aside():
                encoded = await fetch_file(self._bridge, task, chosen.limit_bytes, room)
            self.figures.fetched_bytes += len(encoded)
            timing.begin("wait")
            # What was left over when a worker was killed may be what killed it.
            waits = partial(_stand_aside, limit, aside)
            sha256 = await chosen.hash(encoded)
            return await chosen.answer(encoded, sha256, timing, waits, is_alone=task.is_resumed)

    def _choose_engine(self, request: ClassifyRequest) -> TaskEngine:
        if request.model is None:
            return self._default
        if request.model not in self._engines:
            loaded = ", ".join(self._engines)
            raise BadRequest(f"model {request.model[:100]!r} is not loaded here; loaded: {loaded}")
        return self._engines[request.model]

    async def _report(self, task: Task, result: dict[str, object], *, is_kept: bool) -> None:
        try:
            await self._reporter.report(task.id, result, is_kept=is_kept)
        except BridgeRejected as err:
            _log.error("task %r: its result is refused: %s", task.id, err)
            message = f"the result is refused: {err}"
            refused = _internal_error(task, self._default.engine.runtime, message)
            try:
                await self._reporter.report(task.id, refused)
            except BridgeRejected:
                raise TaskLeft("the bridge refuses every result") from None

    def _log_end(self, task: Task, result: dict[str, object], timing: Timing) -> None:
        is_failure = "error" in result
        if not is_failure and not _log.isEnabledFor(logging.DEBUG):
            return
        steps = {step: round(seconds, 6) for step, seconds in timing.seconds.items()}
        if is_failure:
            code, message = _code_of(result), str(result["error"])
            self.figures.note_failure(task.id, code, message)
            more = {"code": code, "steps": steps}
            _log.info("task %r: %s: %s", task.id, code, message, extra=more)
        else:
            shown = ", ".join(f"{step} {seconds:.3f}" for step, seconds in steps.items())
            text = "task %r: classified in %s s (%s)"
            _log.debug(text, task.id, result["duration"], shown, extra={"steps": steps})


@contextmanager
def _stand_aside(limit: TimeLimit, aside: Waits) -> Iterator[None]:
    with limit.stopped(), aside():
        yield


@contextmanager
def _wait_for_file(limit: TimeLimit, timing: Timing) -> Iterator[None]:
    with limit.stopped(), timing.within("wait"):
        yield


def _code_of(result: dict[str, object]) -> str:
    """The code of an error, one of a closed list also if the result was on disk; else nothing."""
    if "error" not in result:
        return ""
    code = result.get("code")
    return code if isinstance(code, str) and code in _CODES else ErrorCode.INTERNAL.value


def _internal_error(task: Task, runtime: Runtime, message: str) -> dict[str, object]:
    return error_json(message, ErrorCode.INTERNAL, runtime, task.age_s)
