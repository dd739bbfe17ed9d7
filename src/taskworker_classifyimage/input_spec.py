"""The input of a network. Imports nothing of ours: decoding and models both use it."""

from dataclasses import dataclass
from typing import Final, Literal

#: Smallest and largest side of an input, in pixels.
SIDES: Final = (8, 4096)

Resize = Literal["nearest", "bilinear", "bicubic", "lanczos"]


@dataclass(frozen=True, slots=True)
class InputSpec:
    """The size of a network's input, and how a picture is cropped and resized to it.

    Attributes:
        size: side of the square input, in pixels.
        crop: share of the picture's shorter side that the centre crop keeps, above 0, up to 1; None
            stretches the whole picture into the square.
        resize: resampling filter; all but "nearest" with anti-aliasing.
        is_stretched: whether `crop` is the share of both sides, and the square shows it stretched.
        as_original: whether pictures are prepared as by the original worker, whatever `crop` and
            `resize` are.
    """

    size: int
    crop: float | None
    resize: Resize = "bicubic"
    is_stretched: bool = False
    as_original: bool = False


def as_original(spec: InputSpec) -> InputSpec:
    """The same size, prepared as by the original worker: stretched, nearest pixel."""
    return InputSpec(spec.size, crop=None, resize="nearest", as_original=True)
