"""The same picture again costs a hash, not an inference.

Seized disks hold the same picture many times. What a model says of some bytes never changes while
the program runs, so it is kept, for a bounded number of pictures, by the bytes' SHA-256.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

#: 8 bytes a class each: 16 MB in all for 1000 classes.
_KEPT: Final = 2000

T = TypeVar("T")


def content_key(encoded: bytes) -> bytes:
    """What pictures are told apart by; two different files never share it."""
    return hashlib.sha256(encoded).digest()


class Repeats(Generic[T]):
    """Answers by content, for one model and one way to decode.

    Attributes:
        hits: how many pictures cost no inference so far.
    """

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._answers: OrderedDict[bytes, T] = OrderedDict()
        self._under_way: dict[bytes, asyncio.Event] = {}
        self.hits = 0

    async def get(self, key: bytes, compute: Callable[[], Awaitable[T]]) -> T:
        """The answer for a key; of equal pictures in flight only one is computed.

        Raises:
            TaskError: whatever `compute` raised; failures are not kept.
        """
        while (under_way := self._under_way.get(key)) is not None:
            await under_way.wait()
        if key in self._answers:
            self.hits += 1
            self._answers.move_to_end(key)
            return self._answers[key]
        self._under_way[key] = done = asyncio.Event()
        try:
            answer = await compute()
        finally:
            # Those who wait go on after this call returns; if it failed, one of them computes.
            del self._under_way[key]
            done.set()
        self._answers[key] = answer
        if len(self._answers) > self._kept:
            self._answers.popitem(last=False)
        return answer
