import numpy as np
import numpy.typing as npt
import pytest

from taskworker_classifyimage.decode.arrays import to_uint8


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (np.array([0, 0x8000, 0xFFFF], np.uint16), [0, 128, 255]),
        (np.array([0, 0x0400, 0x0800], ">u2"), [0, 4, 8]),
        (np.array([0, 100, 65535], np.uint32), [0, 0, 255]),
        (np.array([0, 128, 255], np.int32), [0, 128, 255]),
        (np.array([-100, 0, 100], np.int32), [0, 128, 255]),
        (np.array([0.0, 0.5, 1.0], np.float32), [0, 128, 255]),
        (np.array([0.0, 0.1, 0.2], np.float32), [0, 26, 51]),
        (np.array([0.0, 1.0, 4.0], np.float32), [0, 64, 255]),
        (np.array([0.0, 128.0, 250.0], np.float64), [0, 128, 250]),
        (np.array([0.0, np.nan, 1.0], np.float32), [0, 128, 255]),
        (np.array([np.nan, np.inf], np.float32), [127, 127]),
        (np.array([-3e38, 0, 3e38], np.float32), [0, 128, 255]),
        (np.array([False, True]), [0, 255]),
    ],
)
def test_wide_numbers_are_scaled_not_clipped(
    pixels: npt.NDArray[np.generic], expected: list[int]
) -> None:
    """By their type where that states what white is, else by the largest and smallest number."""
    assert np.abs(to_uint8(pixels).astype(np.int16) - expected).max() <= 1
