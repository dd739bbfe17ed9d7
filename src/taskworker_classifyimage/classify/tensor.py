"""From pixels to the tensor that a network wants."""

import numpy as np
import numpy.typing as npt

from taskworker_classifyimage.classify.model_pack import TensorSpec


def to_tensor(
    images: npt.NDArray[np.uint8], spec: TensorSpec
) -> npt.NDArray[np.uint8] | npt.NDArray[np.float32]:
    """(N, S, S, 3) uint8 RGB to (N, S, S, 3) or (N, 3, S, S), uint8 or float32, as `spec` says."""
    ordered = images if spec.colours == "RGB" else images[..., ::-1]
    axes = (0, 1, 2, 3) if spec.layout == "NHWC" else (0, 3, 1, 2)
    if spec.dtype == "uint8":
        return np.ascontiguousarray(ordered.transpose(axes))
    scaled = ordered.astype(np.float32)
    scaled -= np.array(spec.subtract, dtype=np.float32)
    scaled /= np.array(spec.divide, dtype=np.float32)
    return np.ascontiguousarray(scaled.transpose(axes))
