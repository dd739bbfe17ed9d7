"""How long completed tasks are kept, by time that really passed: a clock that jumps removes none.

Ages are measured in counted time. It runs while the bridge runs, with a clock that nobody sets, and
follows the wall clock over a stop or a suspend of up to a day. A wall clock that is further ahead
was set wrong, or the machine was off for long: counted time follows only after the wall clock has
been ahead for a day of counted time. A wall clock that is behind changes nothing.
"""

import logging
from collections.abc import Callable
from typing import Final

import msgspec

from taskworker_classifyimage.bridge_server.database import Database

_log = logging.getLogger(__name__)

#: How far the wall clock may be ahead without a doubt, and how long a doubt lasts.
_DAY_MS: Final = 86_400_000

_REMOVE_FINISHED: Final = """
    DELETE FROM tasks WHERE seq IN (
        SELECT seq FROM tasks WHERE status = 'completed' AND finishedat < ? LIMIT ?
    )
    RETURNING id, has_file"""


class _State(msgspec.Struct):
    """What is stored; all in milliseconds of counted time, except `ahead`.

    Attributes:
        now: counted time.
        ahead: how far the wall clock was ahead of it.
        doubted: when the wall clock was first too far ahead; None: it is not.
        trusted: when counted time will follow it all the same; None with `doubted`.
    """

    now: int
    ahead: int = 0
    doubted: int | None = None
    trusted: int | None = None


class Retention:
    """The counted time of a database, and the removal of tasks by it.

    Args:
        database: of the tasks.
        wall: seconds since the epoch.
        monotonic: seconds on a clock that nobody sets.
    """

    def __init__(
        self, database: Database, *, wall: Callable[[], float], monotonic: Callable[[], float]
    ) -> None:
        self._database = database
        self._wall = wall
        self._monotonic = monotonic
        self._state = _State(0)
        self._counted_ms = 0

    def open(self) -> None:
        """Reads the counted time; it begins as the wall clock's in a new database."""
        self._counted_ms = self._monotonic_ms()
        rows = self._database.execute("SELECT now, ahead, doubted, trusted FROM counted_time")
        self._state = _State(*rows[0]) if rows else _State(self._wall_ms())

    def now_ms(self) -> int:
        """The counted time, in milliseconds."""
        return self._state.now + self._monotonic_ms() - self._counted_ms

    def count(self) -> None:
        """Compares with the wall clock and stores the counted time.

        Raises:
            sqlite3.Error: it cannot be stored.
        """
        state, counted_ms = msgspec.structs.replace(self._state), self._monotonic_ms()
        state.now += counted_ms - self._counted_ms
        previous, state.ahead = state.ahead, self._wall_ms() - state.now
        with self._database.transaction():
            if state.ahead > _DAY_MS:
                self._doubt(state, jump_ms=state.ahead - previous)
            else:
                _follow(state)
            self._database.execute(
                "INSERT OR REPLACE INTO counted_time (seq, now, ahead, doubted, trusted)"
                " VALUES (1, ?, ?, ?, ?)",
                msgspec.structs.astuple(state),
            )
        self._state, self._counted_ms = state, counted_ms

    def remove_finished(self, age_s: float, limit: int) -> list[tuple[str, bool]]:
        """Deletes at most `limit` tasks that were completed at least `age_s` ago.

        Returns:
            The id of each, and whether it has a file, which the caller deletes.
        """
        oldest_ms = self.now_ms() - int(age_s * 1000)
        rows = self._database.insist(
            lambda: self._database.execute(_REMOVE_FINISHED, (oldest_ms, limit))
        )
        return [(task_id, bool(has_file)) for task_id, has_file in rows]

    def _doubt(self, state: _State, jump_ms: int) -> None:
        if state.doubted is None:
            state.doubted = state.now
        days = state.ahead / _DAY_MS
        if state.trusted is None or jump_ms > _DAY_MS:
            state.trusted = state.now + _DAY_MS
            _log.warning(
                "bridge.clock_ahead days=%.1f: set it right if it is wrong; if it stays so for a"
                " day, completed tasks are that much older",
                days,
            )
        elif state.now >= state.trusted:
            # What was completed during the doubt did not get older by what was doubted.
            self._database.execute(
                "UPDATE tasks SET finishedat = finishedat + ?"
                " WHERE status = 'completed' AND finishedat > ?",
                (state.ahead, state.doubted),
            )
            _follow(state)
            _log.warning("bridge.clock_trusted days=%.1f", days)

    def _wall_ms(self) -> int:
        return int(self._wall() * 1000)

    def _monotonic_ms(self) -> int:
        return int(self._monotonic() * 1000)


def _follow(state: _State) -> None:
    """Ends a doubt; counted time is the wall clock's, if that is not behind."""
    state.now += max(state.ahead, 0)
    state.ahead = min(state.ahead, 0)
    state.doubted = state.trusted = None
