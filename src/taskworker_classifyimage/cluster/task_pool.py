"""Actors that answer tasks: as many as there is work for, and new ones for those that die."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

from taskworker_classifyimage.cluster.pool_size import PoolSize
from taskworker_classifyimage.cluster.task_actor import Told
from taskworker_classifyimage.errors import ClusterFailed, Killed, UserError, one_line

_log = logging.getLogger(__name__)

#: A picture is tried so often; each time its actor, or the node under it, has died.
_MOST_DEATHS: Final = 4
#: Actors that die at their start, one after another, show that none will come up.
_MOST_FAILED_STARTS: Final = 3
#: For how long an actor has nothing to do before it is ended, and how often that is looked at.
_IDLE_S: Final = 60.0
_LOOK_S: Final = 10.0


@dataclass(eq=False, slots=True)
class _Actor:
    handle: Any
    running: int = 0
    idle_since_s: float = 0.0


class TaskPool:
    """Gives pictures to actors, from one event loop.

    Attributes:
        deaths: actors that have died so far.
        fault: why no actor answers; None: nothing is known.
    """

    def __init__(
        self, ray: ModuleType, make_actor: Callable[[], Any], size: PoolSize, most_each: int
    ) -> None:
        """Starts nothing.

        Args:
            ray: the module, connected.
            make_actor: has the cluster start a `TaskActor`.
            size: how many there may be.
            most_each: pictures that one of them gets at once.
        """
        self.deaths = 0
        self.fault: str | None = None
        self._ray = ray
        self._make_actor = make_actor
        self._size = size
        self._most_each = most_each
        self._actors: list[_Actor] = []
        self._starting: set[asyncio.Task[None]] = set()
        self._failed_starts = 0
        self._changed = asyncio.Event()
        self._shrinking: asyncio.Task[None] | None = None

    @property
    def count(self) -> int:
        """Actors that are up."""
        return len(self._actors)

    async def start(self) -> None:
        """Starts actors and waits until one is up.

        Raises:
            ClusterFailed: none comes up.
        """
        self._shrinking = asyncio.create_task(self._shrink())
        self._refill()
        await self._wait_for_room()

    async def answer(self, number: int, encoded: bytes, sha256: str, *, is_alone: bool) -> Told:
        """Has a picture answered; if its actor dies, by another one.

        Raises:
            Killed: all of them died.
            UserError: no actor can answer any picture.
        """
        problem: Exception | None = None
        for deaths in range(_MOST_DEATHS):
            actor = await self._wait_for_room()
            actor.running += 1
            try:
                told: Told = await actor.handle.answer.remote(
                    number, encoded, sha256, is_alone=is_alone or deaths > 0
                )
            except self._ray.exceptions.RayError as err:
                self._drop(actor, one_line(err))
                continue
            finally:
                actor.running -= 1
                actor.idle_since_s = asyncio.get_running_loop().time()
                self._changed.set()
            if not isinstance(told.problem, UserError):
                return told
            # It is the node's fault: others may be right.
            problem = told.problem
            self._drop(actor, str(problem))
        raise problem or Killed("the actors that it was given to died one after another")

    def close(self) -> None:
        """Forgets all actors; the cluster ends them when it is left."""
        for task in (*self._starting, self._shrinking):
            if task is not None:
                task.cancel()
        self._actors.clear()

    async def _wait_for_room(self) -> _Actor:
        """The actor that has the least to do, as soon as one has room."""
        while True:
            free = [each for each in self._actors if each.running < self._most_each]
            if free:
                return min(free, key=lambda each: each.running)
            if self.fault is not None:
                raise ClusterFailed(f"no actor starts: {self.fault}")
            # One at a time: the cluster may have to start a node for it.
            if not self._starting and self.count < self._size.most:
                self._begin_start()
            self._changed.clear()
            await self._changed.wait()

    def _refill(self) -> None:
        while self.count + len(self._starting) < self._size.least:
            self._begin_start()

    def _begin_start(self) -> None:
        task = asyncio.create_task(self._start_one())
        self._starting.add(task)
        task.add_done_callback(self._note_start)

    def _note_start(self, task: asyncio.Task[None]) -> None:
        self._starting.discard(task)
        self._changed.set()

    async def _start_one(self) -> None:
        handle = self._make_actor()
        try:
            problem: str | None = await handle.start.remote()
        except self._ray.exceptions.RayError as err:
            problem = one_line(err)[:300]
        if problem is None:
            self._failed_starts, self.fault = 0, None
            now_s = asyncio.get_running_loop().time()
            self._actors.append(_Actor(handle, idle_since_s=now_s))
            return
        self._end(handle)
        _log.error("an actor does not start: %s", problem)
        self._failed_starts += 1
        if self._failed_starts < _MOST_FAILED_STARTS:
            self._begin_start()
        elif not self._actors:
            self.fault = problem

    def _drop(self, actor: _Actor, why: str) -> None:
        """Takes an actor out that is dead or of no use, and starts another one."""
        if actor not in self._actors:
            return
        _log.warning("an actor is replaced: %s", why[:300])
        self.deaths += 1
        self._actors.remove(actor)
        self._end(actor.handle)
        self._refill()

    def _end(self, handle: Any) -> None:
        with suppress(self._ray.exceptions.RayError, ValueError):
            self._ray.kill(handle)

    async def _shrink(self) -> None:
        """Ends actors that have nothing to do, down to the least number; runs until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_LOOK_S)
            for actor in list(self._actors):
                is_idle = not actor.running and loop.time() - actor.idle_since_s > _IDLE_S
                if is_idle and self.count > self._size.least:
                    self._actors.remove(actor)
                    self._end(actor.handle)
