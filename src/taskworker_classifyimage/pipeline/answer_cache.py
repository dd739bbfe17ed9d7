"""Equal pictures cost one inference: answers by the SHA-256 of the encoded picture.

Seized disks contain many copies. A model's answer to the same bytes does not change while the
program runs, so answers to a bounded number of pictures are kept in memory, each no longer than the
decoder lives that had a part in it: a picture may have taken it over.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

#: An answer has 8 bytes a class: 16 MB in all for 1000 classes.
_SIZE: Final = 2000

T = TypeVar("T")


class AnswerCache(Generic[T]):
    """The answers of one model that were used last.

    Attributes:
        hits: how many answers came from the cache so far.
        misses: how many did not.
    """

    def __init__(self, is_valid: Callable[[T], bool], size: int = _SIZE) -> None:
        """Keeps that many answers, each until `is_valid` denies it."""
        self._is_valid = is_valid
        self._size = size
        self._answers: OrderedDict[str, T] = OrderedDict()
        self._in_progress: dict[str, asyncio.Event] = {}
        self.hits = self.misses = 0

    async def get(self, key: str, compute: Callable[[], Awaitable[T]]) -> T:
        """The answer for a key; of several callers at once only one computes it.

        Raises:
            TaskError: whatever `compute` raised; failures are not cached.
        """
        while (in_progress := self._in_progress.get(key)) is not None:
            await in_progress.wait()
        if key in self._answers and self._is_valid(self._answers[key]):
            self.hits += 1
            self._answers.move_to_end(key)
            return self._answers[key]
        self.misses += 1
        self._in_progress[key] = done = asyncio.Event()
        try:
            answer = await compute()
        finally:
            # The callers that wait run after this one returns; if it failed, one of them computes.
            del self._in_progress[key]
            done.set()
        self._answers[key] = answer
        self._answers.move_to_end(key)
        if len(self._answers) > self._size:
            self._answers.popitem(last=False)
        return answer
