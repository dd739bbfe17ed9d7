"""The whole way from bytes to pixels."""

import io
import warnings
from typing import Final

import numpy as np
import PIL
from PIL import Image, UnidentifiedImageError

from taskworker_classifyimage.classify.model import InputSpec
from taskworker_classifyimage.decode.colour import to_rgb
from taskworker_classifyimage.decode.geometry import least_side, to_square
from taskworker_classifyimage.decode.orientation import orientation, upright
from taskworker_classifyimage.decode.picture import Decoded, DecodeLimits, PictureFacts
from taskworker_classifyimage.errors import DamagedPicture, TooLarge, UnsupportedFormat

#: What is decoded; found by content, never by name. Formats that start other programs stay out.
FORMATS: Final = (
    "JPEG",
    "PNG",
    "GIF",
    "WEBP",
    "TIFF",
    "BMP",
    "AVIF",
    "JPEG2000",
    "ICO",
    "PPM",
    "TGA",
    "PCX",
)


def decode(encoded: bytes, spec: InputSpec, limits: DecodeLimits) -> Decoded:
    """An encoded picture to a square: turned upright, scaled and cropped to the centre.

    Raises:
        UnsupportedFormat: it is no picture, or one in a format that is not decoded.
        DamagedPicture: it starts as a picture and cannot be decoded.
        TooLarge: it has more pixels than `limits` allow.
    """
    image = _open(encoded, limits.pixels)
    turned = orientation(image)
    facts = PictureFacts(
        image.format or "", image.width, image.height, turned, f"Pillow {PIL.__version__}"
    )
    try:
        if spec.resize != "nearest":
            # A JPEG can be decoded at 1/2, 1/4 or 1/8, which still leaves enough to resize well.
            least = least_side(spec)
            image.draft(None, (least, least))
        image.load()
        square = to_square(to_rgb(image), spec)
        # The square stays what it is however it is turned, and the small one is turned for less.
        pixels = np.asarray(upright(square, turned))
    except MemoryError:
        raise TooLarge("the picture needs more memory than there is") from None
    except Exception as err:
        # Decoders meet hostile files and raise anything: struct.error, SyntaxError, IndexError.
        raise DamagedPicture(f"the picture is damaged: {err}") from err
    return Decoded(pixels, facts)


def preload_decoders() -> None:
    """Imports what decoding would import on the way; where it runs, nothing can be by then."""
    Image.init()


def silence_decoders() -> None:
    """Keeps decoders from printing a warning for each odd file; what matters they raise."""
    warnings.filterwarnings("ignore", module=r"PIL\.")


def _open(encoded: bytes, limit_pixels: int) -> Image.Image:
    """Reads the header only."""
    # The library's own limit warns instead of refusing; the check below takes its place.
    Image.MAX_IMAGE_PIXELS = None
    try:
        image = Image.open(io.BytesIO(encoded), formats=FORMATS)
    except UnidentifiedImageError:
        raise UnsupportedFormat(
            "the file is no picture, or one in a format that is not decoded"
        ) from None
    except Exception as err:
        raise DamagedPicture(f"the picture's header is damaged: {err}") from err
    width, height = image.size
    if width * height > limit_pixels:
        raise TooLarge(f"the picture has {width} x {height} pixels, allowed are {limit_pixels}")
    return image
