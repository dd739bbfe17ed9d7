"""Equal pictures cost one inference: answers by the SHA-256 of the encoded picture.

Seized disks contain many copies. A model's answer to the same bytes does not change while the
program runs, so answers to a bounded number of pictures are kept in memory, each no longer than the
decoder lives that had a part in it: a picture may have taken it over.
"""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from typing import Final, Generic, TypeVar

#: An answer has 8 bytes a class: 8 MB in all for 1000 classes.
_SIZE: Final = 1000

T = TypeVar("T")


class AnswerCache(Generic[T]):
    """The answers of one model that were used last; for an event loop, or for several threads.

    Attributes:
        hits: how many answers came from the cache so far.
        misses: how many did not.
    """

    def __init__(self, is_valid: Callable[[T], bool], size: int = _SIZE) -> None:
        """Keeps that many answers, each until `is_valid` denies it."""
        self._is_valid = is_valid
        self._size = size
        self._lock = threading.Lock()
        self._answers: OrderedDict[str, T] = OrderedDict()
        self._in_progress: dict[str, Future[None]] = {}
        self.hits = self.misses = 0

    async def get(self, key: str, compute: Callable[[], Awaitable[T]]) -> T:
        """The answer for a key; of several callers at once only one computes it.

        Raises:
            TaskError: whatever `compute` raised; failures are not cached.
        """
        while isinstance(found := self._find_or_begin(key), Future):
            # Shielded, since whoever is cancelled would cancel it for all.
            await asyncio.shield(asyncio.wrap_future(found))
        if found is not None:
            return found
        with self._computing(key) as keep:
            return keep(await compute())

    def get_on_thread(self, key: str, compute: Callable[[], T]) -> T:
        """As `get`, for a caller that blocks its thread."""
        while isinstance(found := self._find_or_begin(key), Future):
            found.result()
        if found is not None:
            return found
        with self._computing(key) as keep:
            return keep(compute())

    def _find_or_begin(self, key: str) -> T | Future[None] | None:
        """An answer, or what ends when another caller has tried to compute it; None: it is ours."""
        with self._lock:
            if (other := self._in_progress.get(key)) is not None:
                return other
            known = self._answers.get(key)
            if known is not None and self._is_valid(known):
                self.hits += 1
                self._answers.move_to_end(key)
                return known
            self.misses += 1
            self._in_progress[key] = Future()
            return None

    @contextmanager
    def _computing(self, key: str) -> Iterator[Callable[[T], T]]:
        try:
            yield partial(self._keep, key)
        finally:
            with self._lock:
                done = self._in_progress.pop(key)
            # Those who wait look again; if it failed, one of them computes.
            done.set_result(None)

    def _keep(self, key: str, answer: T) -> T:
        with self._lock:
            self._answers[key] = answer
            self._answers.move_to_end(key)
            if len(self._answers) > self._size:
                self._answers.popitem(last=False)
        return answer
