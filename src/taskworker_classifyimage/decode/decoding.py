"""The whole way from bytes to pixels."""

import warnings

import numpy as np
from PIL import Image

from taskworker_classifyimage.decode.colour import resizable, to_rgb
from taskworker_classifyimage.decode.geometry import to_square, to_square_of_part
from taskworker_classifyimage.decode.identify import identify
from taskworker_classifyimage.decode.loading import Loaded, load
from taskworker_classifyimage.decode.orientation import upright
from taskworker_classifyimage.decode.original import original_square
from taskworker_classifyimage.decode.picture import Decoded, DecodeLimits, PictureFacts
from taskworker_classifyimage.errors import DamagedPicture, TaskError, TooLarge, one_line
from taskworker_classifyimage.input_spec import InputSpec


def decode(encoded: bytes, spec: InputSpec, limits: DecodeLimits) -> Decoded:
    """An encoded picture to a square: turned upright, scaled and cropped to the centre.

    Raises:
        EmptyFile: it has no bytes.
        UnsupportedFormat: it is no picture, or one in a format that is not decoded.
        DamagedPicture: it starts as a picture, and too little of it can be decoded.
        TooLarge: it has more pixels than `limits` allow, or needs more memory than there is.
    """
    kind = identify(encoded)
    try:
        loaded = load(kind, encoded, spec, limits)
        square, remarks = _square(loaded, spec)
        opened = loaded.opened
        # The square stays what it is however it is turned, and the small one is turned for less.
        orientation = 1 if spec.as_original and not opened.is_turned else loaded.orientation
        turned = square if opened.is_turned else upright(square, orientation)
        pixels = np.asarray(turned)
    except TaskError:
        raise
    except MemoryError:
        raise TooLarge("the picture needs more memory than there is") from None
    except Exception as err:
        # Decoders meet hostile files and raise anything: struct.error, SyntaxError, IndexError.
        raise DamagedPicture(f"the {kind} picture is damaged: {one_line(err)}") from err
    facts = PictureFacts(
        str(kind),
        opened.width,
        opened.height,
        orientation,
        opened.decoder,
        opened.warnings + loaded.warnings + remarks,
    )
    return Decoded(pixels, facts)


def silence_decoders() -> None:
    """Keeps decoders from printing a warning for each odd file; what matters they raise."""
    warnings.filterwarnings("ignore", module=r"PIL\.")


def _square(loaded: Loaded, spec: InputSpec) -> tuple[Image.Image, tuple[str, ...]]:
    """(S, S) RGB, and the warnings; colours are converted where that is the least work."""
    if spec.as_original:
        return original_square(loaded.opened.image, spec.size), ()
    image = resizable(loaded.opened.image)
    if loaded.mask is None:
        return to_rgb(to_square(image, spec))
    rgb, remarks = to_rgb(image)
    return to_square_of_part(rgb, loaded.mask, spec), remarks
