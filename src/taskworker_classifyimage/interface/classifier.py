"""Classifies pictures from ordinary programs and notebooks."""

import atexit
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Final, Self, Unpack

from taskworker_classifyimage.classify.options import DEFAULT_MODEL
from taskworker_classifyimage.interface.async_classifier import (
    AsyncClassifier,
    Options,
    find_in_folder,
)
from taskworker_classifyimage.interface.loop_thread import LoopThread
from taskworker_classifyimage.interface.result import Result
from taskworker_classifyimage.interface.sources import Source

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
        self._loop = LoopThread("Classifier")

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
        self._end_at_exit()
        self._loop.submit(self._async.start()).result()

    def close(self) -> None:
        """Ends all that was started; a later call starts it again."""
        atexit.unregister(self.close)
        self._loop.close(before=self._close_engine)

    def classify(self, source: Source) -> Result:
        """Classifies one picture; arguments and errors are those of `AsyncClassifier.classify`."""
        return self._submit(source).result()

    def classify_many(self, sources: Iterable[Source]) -> Iterator[Result]:
        """Classifies pictures on all cores; gives their results in order.

        As many are taken from `sources` ahead as keep the cores busy.
        """
        waiting: deque[Future[Result]] = deque()
        try:
            for source in sources:
                waiting.append(self._submit(source))
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

    def _submit(self, source: Source) -> "Future[Result]":
        self._end_at_exit()
        return self._loop.submit(self._async.classify(source))

    def _end_at_exit(self) -> None:
        if not self._loop.is_running:
            atexit.register(self.close)

    def _close_engine(self) -> None:
        # In this thread: at the end of a program there are no others for it any more.
        if (engine := self._async.detach()) is not None:
            engine.close()
