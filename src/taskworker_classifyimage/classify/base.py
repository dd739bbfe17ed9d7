"""What the pipeline needs of a model, whatever runs it."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from taskworker_classifyimage.classify.model import Model


class Classifier(Protocol):
    """A loaded network. Its methods may be called from several threads at once."""

    @property
    def model(self) -> Model:
        """The model that is loaded."""

    @property
    def library(self) -> str:
        """Name and version of the runtime, such as "onnxruntime-1.32.0"."""

    @property
    def device(self) -> str:
        """Where it really runs, such as "cpu"."""

    @property
    def threads(self) -> int:
        """How many threads that call `probabilities` keep the device busy."""

    def probabilities(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """(N, S, S, 3) uint8 RGB to (N, C) probabilities, 0 to 1, in the order of the classes."""
