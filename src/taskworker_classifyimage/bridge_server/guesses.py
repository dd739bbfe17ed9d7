"""Slows down who guesses the token: each wrong one is answered later, the right one at once."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

#: Wrong tokens are counted for this long.
_MEMORY_S: Final = 60.0
#: So many wrong tokens of an address, and of all addresses, cost nothing: people mistype.
_FREE: Final = 5
_FREE_IN_ALL: Final = 100
_FIRST_DELAY_S: Final = 0.25
_MOST_DELAY_S: Final = 5.0
#: So many addresses are remembered, and so many answers wait; more guesses get no answer.
_MOST_ADDRESSES: Final = 1000
MOST_WAITING: Final = 100


class Guesses:
    """The wrong tokens of the last minute."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since_s = clock()
        self._in_all = 0
        self._waiting = 0
        self._by_address: dict[str, int] = {}

    def note_wrong(self, address: str) -> float:
        """Counts a wrong token; returns how many seconds its answer waits, 0 to 5."""
        if self._clock() - self._since_s >= _MEMORY_S:
            self._since_s = self._clock()
            # What was counted is halved, so that a patient guesser stays slow.
            self._in_all //= 2
            halves = ((key, count // 2) for key, count in self._by_address.items())
            self._by_address = {key: count for key, count in halves if count}
        self._in_all += 1
        count = self._by_address.pop(address, 0) + 1
        if len(self._by_address) >= _MOST_ADDRESSES:
            del self._by_address[next(iter(self._by_address))]
        self._by_address[address] = count
        beyond = max(count - _FREE, self._in_all - _FREE_IN_ALL)
        if beyond <= 0:
            return 0.0
        return min(_MOST_DELAY_S, _FIRST_DELAY_S * 2.0 ** min(beyond - 1, 10))

    async def wait(self, address: str) -> bool:
        """Counts a wrong token and waits; False if too many wait already."""
        delay_s = self.note_wrong(address)
        if self._waiting >= MOST_WAITING:
            return False
        self._waiting += 1
        try:
            await asyncio.sleep(delay_s)
        finally:
            self._waiting -= 1
        return True

    def note_right(self, address: str) -> None:
        """Forgets the wrong tokens of an address whose user has found the right one."""
        self._by_address.pop(address, None)
