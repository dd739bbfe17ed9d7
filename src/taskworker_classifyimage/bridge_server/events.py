"""The stream of events for pages: which tasks have changed, how many there are, who works.

What has changed is gathered, read once and sent to all at intervals, so that a thousand pages cost
little more than one. A page that does not read in time is cut off; it connects again, and reads the
list again.
"""

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final

import msgspec

from taskworker_classifyimage.bridge_server.changes import Change
from taskworker_classifyimage.bridge_server.records import StateCounts, TaskState
from taskworker_classifyimage.bridge_server.store import TaskStore
from taskworker_classifyimage.bridge_server.workers import WorkerRoster

#: Between two events; and how many bytes a second all streams together get.
_INTERVAL_S: Final = 0.5
_BYTES_A_SECOND: Final = 20_000_000
_LONGEST_INTERVAL_S: Final = 5.0
#: Between two events about workers, and between two signs of life.
_WORKERS_S: Final = 2.0
_PING_S: Final = 15.0
#: If more tasks have changed, the page is told to read the list again.
_MOST_CHANGES: Final = 1000
#: A stream that lags behind so many events is ended.
_MOST_PENDING: Final = 8
#: The share of the time that counting all tasks may take.
_COUNTING: Final = 0.02


class Stream:
    """The events for one page, in order."""

    def __init__(self, cut: Callable[[], None]) -> None:
        """Takes what closes the connection of a page that does not read."""
        self._cut = cut
        self._payloads: deque[bytes] = deque()
        self._has_news = asyncio.Event()
        self._is_over = False

    def push(self, payload: bytes) -> None:
        """Adds events; cuts the page off if too many wait already."""
        if len(self._payloads) >= _MOST_PENDING:
            self.end()
            self._cut()
        else:
            self._payloads.append(payload)
            self._has_news.set()

    def end(self) -> None:
        """Ends it after the events that wait."""
        self._is_over = True
        self._has_news.set()

    async def read(self) -> AsyncIterator[bytes]:
        """Gives the events as they come, until the stream ends."""
        while True:
            while self._payloads:
                yield self._payloads.popleft()
            if self._is_over:
                return
            self._has_news.clear()
            await self._has_news.wait()


class EventStreams:
    """All streams of one server; `run` sends."""

    def __init__(self, store: TaskStore, roster: WorkerRoster) -> None:
        self._store = store
        self._roster = roster
        self._streams: set[Stream] = set()
        #: A dictionary, as it keeps the order.
        self._changed: dict[str, None] = {}
        self._counts = StateCounts(0, 0, 0, 0)
        self._count_again_s = 0.0
        self._are_counts_old = False
        self._is_closed = False

    @property
    def count(self) -> int:
        """How many pages listen."""
        return len(self._streams)

    def note(self, change: Change) -> None:
        """Notes that a task has changed."""
        if self._streams and len(self._changed) <= _MOST_CHANGES:
            self._changed[change.task_id] = None

    def open(self, cut: Callable[[], None]) -> Stream:
        """A new stream, which begins with the counts and the workers.

        Args:
            cut: closes the connection of a page that does not read.
        """
        stream = Stream(cut)
        if self._is_closed:
            stream.end()
            return stream
        stream.push(self._tell_tasks([], []) + self._tell_workers())
        self._streams.add(stream)
        return stream

    def drop(self, stream: Stream) -> None:
        """Forgets a stream that nobody reads any more."""
        self._streams.discard(stream)

    def close(self) -> None:
        """Ends all streams; later ones end at once."""
        self._is_closed = True
        for stream in self._streams:
            stream.end()

    async def run(self) -> None:
        """Sends events until cancelled."""
        interval_s, workers_s, sent_s = _INTERVAL_S, 0.0, time.monotonic()
        while True:
            await asyncio.sleep(interval_s)
            if not self._streams:
                self._changed.clear()
                continue
            now_s, payload = time.monotonic(), b""
            try:
                if self._changed or (self._are_counts_old and now_s >= self._count_again_s):
                    payload += self._tell_changes()
                if now_s - workers_s >= _WORKERS_S:
                    payload += self._tell_workers()
                    workers_s = now_s
            except sqlite3.Error:
                # The next call that needs the database says so; pages ask again later.
                continue
            if not payload and now_s - sent_s >= _PING_S:
                payload = b": ping\n\n"
            if payload:
                sent_s = now_s
                self._send(payload)
            cost_s = len(payload) * len(self._streams) / _BYTES_A_SECOND
            interval_s = min(max(_INTERVAL_S, cost_s), _LONGEST_INTERVAL_S)

    def _send(self, payload: bytes) -> None:
        for stream in self._streams:
            stream.push(payload)

    def _tell_changes(self) -> bytes:
        task_ids, self._changed = list(self._changed), {}
        if len(task_ids) > _MOST_CHANGES:
            return _encode("tasks", {"reload": True, "counts": self._count()})
        states = self._store.overviews.find_states(task_ids)
        known = {state.id for state in states}
        return self._tell_tasks(states, [each for each in task_ids if each not in known])

    def _tell_tasks(self, changed: list[TaskState], removed: list[str]) -> bytes:
        counts = self._count()
        return _encode("tasks", {"changed": changed, "removed": removed, "counts": counts})

    def _tell_workers(self) -> bytes:
        in_flight = self._store.overviews.count_in_flight()
        return _encode("workers", self._roster.list_recent(in_flight))

    def _count(self) -> StateCounts:
        """Counts the tasks, or gives the latest counts if counting takes long."""
        begun_s = time.monotonic()
        self._are_counts_old = begun_s < self._count_again_s
        if not self._are_counts_old:
            self._counts = self._store.overviews.count_states()
            ended_s = time.monotonic()
            self._count_again_s = ended_s + (ended_s - begun_s) / _COUNTING
        return self._counts


def _encode(event: str, data: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (event.encode(), msgspec.json.encode(data))
