"""Dynamic batches: what waits while one batch runs is the next batch.

A GPU runs many pictures in little more time than one. Nobody waits for a batch to fill up: a
picture that comes alone is run alone, and batches grow by themselves when the device is busy.
"""

import threading
from collections import deque
from concurrent.futures import Future
from typing import Final

import numpy as np
import numpy.typing as npt

from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.classify.model import Model

Images = npt.NDArray[np.uint8]
Probabilities = npt.NDArray[np.float64]

#: More is not in flight: tasks in flight are what a kill strands.
BATCH: Final = 16


class BatchingClassifier:
    """A `Classifier` that runs the pictures of many threads together on another one."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self._waiting: deque[tuple[Images, Future[Probabilities]]] = deque()
        self._device = threading.Lock()

    @property
    def model(self) -> Model:
        """The model that is loaded."""
        return self._classifier.model

    @property
    def library(self) -> str:
        """Name and version of the runtime."""
        return self._classifier.library

    @property
    def device(self) -> str:
        """Where it really runs."""
        return self._classifier.device

    @property
    def threads(self) -> int:
        """Callers that keep the device busy: one batch that runs and one that gathers."""
        return 2 * BATCH

    def probabilities(self, images: Images) -> Probabilities:
        """(N, S, S, 3) uint8 RGB to (N, C) probabilities, 0 to 1, in the order of the classes."""
        answer: Future[Probabilities] = Future()
        self._waiting.append((images, answer))
        # Whoever finds the device free runs what is waiting, its own picture or others'.
        while not answer.done():
            with self._device:
                if not answer.done():
                    self._run_next()
        return answer.result()

    def _run_next(self) -> None:
        self._run([self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))])

    def _run(self, batch: list[tuple[Images, Future[Probabilities]]]) -> None:
        try:
            together = self._classifier.probabilities(np.concatenate([each for each, _ in batch]))
        except Exception as error:  # noqa: BLE001 - told to its caller
            if len(batch) == 1:
                batch[0][1].set_exception(error)
                return
            # One picture's fault, or together they want more memory than there is.
            for each in batch:
                self._run([each])
            return
        ends = np.cumsum([len(each) for each, _ in batch])
        for (_, answer), part in zip(batch, np.split(together, ends[:-1]), strict=True):
            answer.set_result(part)
