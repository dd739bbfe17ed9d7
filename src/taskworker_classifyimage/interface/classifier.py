"""Classifies pictures from ordinary programs and notebooks."""

import asyncio
import atexit
import os
import threading
from collections import deque
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Final, Self, TypeVar, Unpack

from taskworker_classifyimage.classify.options import DEFAULT_MODEL
from taskworker_classifyimage.interface.async_classifier import (
    AsyncClassifier,
    Options,
    find_in_folder,
)
from taskworker_classifyimage.interface.result import Result
from taskworker_classifyimage.interface.sources import Source

_T = TypeVar("_T")
#: Results that are ready before they are asked for.
_AHEAD: Final = 32


class Classifier:
    """Classifies pictures; may be used from several threads at once.

    The first picture starts it, or `with`; `close` or the end of the program ends it. Files are
    decoded in processes of their own, so a picture that is broken or hostile costs its own result
    only: `Result.error` says what is wrong with it.
    """

    def __init__(
        self, model: str | os.PathLike[str] = DEFAULT_MODEL, **options: Unpack[Options]
    ) -> None:
        """Starts nothing yet; arguments and errors are those of `AsyncClassifier`."""
        self._async = AsyncClassifier(model, **options)
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._pid = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        err: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Loads the model and starts the decoders; the first picture does it otherwise.

        Raises:
            ConfigError: there is no such model.
            ModelError: it is damaged, or cannot be obtained.
        """
        self._submit(self._async.start()).result()

    def close(self) -> None:
        """Ends all that was started; a later call starts it again."""
        with self._lock:
            loop, self._loop = self._loop, None
            thread, self._thread = self._thread, None
        if loop is None or thread is None or self._pid != os.getpid():
            return
        atexit.unregister(self.close)
        # In this thread: at the end of a program there are no others for it any more.
        if (engine := self._async.detach()) is not None:
            engine.close()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def classify(self, source: Source) -> Result:
        """Classifies one picture; arguments and errors are those of `AsyncClassifier.classify`."""
        return self._submit(self._async.classify(source)).result()

    def classify_many(self, sources: Iterable[Source]) -> Iterator[Result]:
        """Classifies pictures on all cores; gives their results in order.

        As many are taken from `sources` ahead as keep the cores busy.
        """
        waiting: deque[Future[Result]] = deque()
        try:
            for source in sources:
                waiting.append(self._submit(self._async.classify(source)))
                while len(waiting) >= _AHEAD or (waiting and waiting[0].done()):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def classify_folder(
        self,
        folder: str | os.PathLike[str],
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
    ) -> Iterator[Result]:
        """Classifies all files in a folder; see `AsyncClassifier.classify_folder`."""
        return self.classify_many(find_in_folder(folder, include, exclude))

    def _submit(self, coroutine: Coroutine[Any, Any, _T]) -> "Future[_T]":
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._pid = os.getpid()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name="classifier", daemon=True
                )
                self._thread.start()
                atexit.register(self.close)
            loop = self._loop
        if self._pid != os.getpid():
            coroutine.close()
            raise RuntimeError("a Classifier is not there after a fork; make one in each process")
        return asyncio.run_coroutine_threadsafe(coroutine, loop)
