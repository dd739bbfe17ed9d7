"""What the Python interface takes for a picture."""

import io
import os
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from taskworker_classifyimage.local.found import Found, facts_of

#: The path of a file; the bytes of one; or pixels: an image of Pillow, or an array (H, W),
#: (H, W, 3) RGB or (H, W, 4) RGBA of uint8, 0 to 255.
Source: TypeAlias = (
    str | os.PathLike[str] | bytes | bytearray | memoryview | Image.Image | npt.NDArray[np.uint8]
)


def to_found(source: str | os.PathLike[str] | bytes | bytearray | memoryview) -> Found:
    """A file, or bytes that are read as one."""
    if isinstance(source, bytes | bytearray | memoryview):
        return Found("", len(source), open_member=partial(io.BytesIO, source))
    path = os.fspath(source)
    return Found(path, *facts_of(path))


def to_image(source: Image.Image | npt.NDArray[Any]) -> Image.Image:
    """Pixels as an image of Pillow.

    Raises:
        TypeError: it is no picture.
        ValueError: an array has another shape.
    """
    if isinstance(source, Image.Image):
        return source
    if not isinstance(source, np.ndarray):
        raise TypeError(f"a picture is a path, bytes, an image or an array, not {type(source)}")
    if source.dtype != np.uint8:
        raise TypeError(f"the array has numbers of type {source.dtype}, uint8 (0 to 255) is needed")
    is_picture = source.ndim == 2 or (source.ndim == 3 and source.shape[2] in (3, 4))
    if not is_picture or 0 in source.shape:
        raise ValueError(
            f"the array has the shape {source.shape}; (H, W), (H, W, 3) or (H, W, 4) is needed"
        )
    return Image.fromarray(np.ascontiguousarray(source))
