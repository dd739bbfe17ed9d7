import numpy as np
import numpy.typing as npt
import pytest

from taskworker_classifyimage.classify.catalogue import find_pack
from taskworker_classifyimage.classify.onnx_runtime import OnnxClassifier
from taskworker_classifyimage.classify.warm_up import check_agreement
from taskworker_classifyimage.errors import DeviceUnusable


class Broken(OnnxClassifier):
    """The real classifier on a device that returns wrong answers."""

    spoilt = 1.0

    def probabilities(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        return super().probabilities(images) * self.spoilt


@pytest.mark.parametrize("spoilt", [0.0, np.nan])
def test_a_device_that_gives_other_answers_is_not_used(spoilt: float) -> None:
    """A wrong driver returns zeros or NaN, and no error."""
    pack = find_pack("EfficientNetLite0")
    reference, broken = OnnxClassifier.load(pack), Broken.load(pack)
    check_agreement(reference, reference)
    broken.spoilt = spoilt
    with pytest.raises(DeviceUnusable, match="cpu and cpu give different answers"):
        check_agreement(broken, reference)
