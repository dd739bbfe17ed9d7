"""Dynamic batches: pictures that wait while one batch runs form the next batch.

A GPU runs many pictures in little more time than one. No picture waits for a batch to fill up: one
that comes alone runs alone, and batches grow when the device is busy.
"""

import threading
from collections import deque
from concurrent.futures import Future
from typing import Final

import numpy as np

from taskworker_classifyimage.classify.base import Classifier, Images, Probabilities

#: Larger batches would need more tasks in flight, and a killed worker leaves those stuck.
BATCH: Final = 16


class BatchingClassifier:
    """A `Classifier` that runs the pictures of many threads together on another one."""

    def __init__(self, classifier: Classifier) -> None:
        self.model = classifier.model
        self.library = classifier.library
        self.device = classifier.device
        # One batch runs while the next one forms.
        self.threads = 2 * BATCH
        self._classifier = classifier
        self._waiting: deque[tuple[Images, Future[Probabilities]]] = deque()
        self._device_lock = threading.Lock()

    def probabilities(self, images: Images) -> Probabilities:
        """(N, S, S, 3) uint8 RGB to (N, C) probabilities, 0 to 1, in the order of the classes."""
        answer: Future[Probabilities] = Future()
        self._waiting.append((images, answer))
        # The thread that gets the device runs whatever is waiting, its own picture or not.
        while not answer.done():
            with self._device_lock:
                if not answer.done():
                    size = min(BATCH, len(self._waiting))
                    self._run([self._waiting.popleft() for _ in range(size)])
        return answer.result()

    def _run(self, batch: list[tuple[Images, Future[Probabilities]]]) -> None:
        pictures = [images for images, _ in batch]
        try:
            together = self._classifier.probabilities(np.concatenate(pictures))
        except Exception as err:  # noqa: BLE001 - the caller whose picture it is gets it
            if len(batch) == 1:
                batch[0][1].set_exception(err)
                return
            # One picture is at fault, or the batch needs more memory than the device has.
            for call in batch:
                self._run([call])
            return
        ends = np.cumsum([len(images) for images in pictures])
        for (_, answer), part in zip(batch, np.split(together, ends[:-1]), strict=True):
            answer.set_result(part)
