"""What the bridge counts at each call and at each completed task, and `GET /metrics`."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from taskworker_classifyimage.bridge_server.bodies import check_expectation
from taskworker_classifyimage.bridge_server.changes import Change
from taskworker_classifyimage.bridge_server.records import StateCounts
from taskworker_classifyimage.figures.histogram import Histogram

#: Of what clients name at will, so many are told apart; all later ones are "other".
_MOST_TYPES: Final = 20
_OTHER: Final = "other"
#: The share of the time that counting all tasks may take; a million take a quarter of a second.
_COUNTING: Final = 0.005
#: Such a call lasts as long as its page is open.
_EVENTS: Final = "/api/events"


@dataclass(frozen=True, slots=True)
class BridgeState:
    """What there is at one moment.

    Attributes:
        counts: tasks by status.
        oldest_open_ms: when the first open task was added, since the epoch; None: none is open.
        now_ms: by the same clock.
        workers: those that were heard lately, by status.
        connections: those that work or wait.
        waits: calls that wait, by what they wait for.
        free_bytes: of the disk.
    """

    counts: StateCounts
    oldest_open_ms: int | None
    now_ms: int
    workers: Mapping[str, int]
    connections: Mapping[str, int]
    waits: Mapping[str, int]
    free_bytes: int


class TaskCounts:
    """The numbers of tasks, counted again only as often as that costs little."""

    def __init__(
        self, count: Callable[[], StateCounts], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._count = count
        self._clock = clock
        self._counts = StateCounts(0, 0, 0, 0)
        self._again_s = float("-inf")

    def read(self) -> StateCounts:
        """The numbers of now or, if counting takes long, of a moment ago."""
        begun_s = self._clock()
        if begun_s >= self._again_s:
            self._counts = self._count()
            ended_s = self._clock()
            self._again_s = ended_s + (ended_s - begun_s) / _COUNTING
        return self._counts


class Figures:
    """The figures of one server since its start.

    Attributes:
        calls: how many, by path and status of the answer.
        call_seconds: how long calls took, by path, those that waited included.
        completions: how many tasks were completed, by type and outcome.
        received_bytes: size of the bodies of all calls.
        sent_bytes: size of all answers.
    """

    def __init__(self, look: Callable[[], BridgeState]) -> None:
        """Counts from zero; `look` gives what there is at a moment."""
        self._look = look
        self.calls = Counter[tuple[str, str]]()
        self.call_seconds: defaultdict[tuple[str], Histogram] = defaultdict(Histogram)
        self.completions = Counter[tuple[str, str]]()
        self.received_bytes = 0
        self.sent_bytes = 0
        self._types: set[str] = set()

    def table(self) -> list[web.RouteDef]:
        """The route; whoever may not call the bridge may not ask for its metrics either."""
        return [web.get("/metrics", self.metrics, expect_handler=check_expectation)]

    async def metrics(self, request: web.Request) -> web.Response:  # noqa: ARG002
        """GET metrics: all figures, as Prometheus reads them."""
        from taskworker_classifyimage.bridge_server.metrics import BridgeMetrics  # noqa: PLC0415 - slow to import
        from taskworker_classifyimage.figures.families import CONTENT_TYPE, expose  # noqa: PLC0415 - as above

        shown = expose(BridgeMetrics(self, self._look()))
        return web.Response(body=shown, headers={"Content-Type": CONTENT_TYPE})

    def note(self, change: Change) -> None:
        """Counts a completed task."""
        if change.became == "completed":
            outcome = "completed" if change.error is None else "failed"
            self.completions[self._limit(change.type), outcome] += 1

    def note_call(self, request: web.Request, response: web.StreamResponse, seconds: float) -> None:
        """Counts a call that has been answered."""
        resource = request.match_info.route.resource
        path = _OTHER if resource is None else resource.canonical.rstrip("/") or "/"
        self.calls[path, str(response.status)] += 1
        if path != _EVENTS:
            self.call_seconds[path,].observe(seconds)
        self.received_bytes += request.content_length or 0
        sent_bytes = response.body_length
        if isinstance(response, web.FileResponse) and request.method != "HEAD":
            # The system sends large files, which the library does not count.
            sent_bytes = max(sent_bytes, response.content_length or 0)
        self.sent_bytes += sent_bytes

    def _limit(self, task_type: str) -> str:
        if len(self._types) < _MOST_TYPES:
            self._types.add(task_type)
        return task_type if task_type in self._types else _OTHER
