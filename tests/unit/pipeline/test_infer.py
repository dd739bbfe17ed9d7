import numpy as np
import numpy.typing as npt
import pytest

from taskworker_classifyimage.classify.catalogue import find_pack
from taskworker_classifyimage.classify.onnx_runtime import OnnxClassifier
from taskworker_classifyimage.errors import DeviceFailed
from taskworker_classifyimage.pipeline.infer import infer


class Failing(OnnxClassifier):
    """The real classifier on a device that breaks."""

    is_broken = False

    def probabilities(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        if self.is_broken:
            raise RuntimeError("CUDA failure 719\nunspecified launch failure")
        return super().probabilities(images)


def test_a_device_that_breaks_is_no_fault_of_the_picture() -> None:
    """It is tried with a blank picture, which it could do when it was loaded."""
    classifier = Failing.load(find_pack("EfficientNetLite0"))
    size = classifier.model.input.size
    picture = np.random.default_rng(1).integers(0, 256, (size, size, 3), dtype=np.uint8)
    assert infer(classifier, picture).shape == (1000,)
    classifier.is_broken = True
    with pytest.raises(DeviceFailed, match="cpu does not run EfficientNetLite0 any more: CUDA f"):
        infer(classifier, picture)
