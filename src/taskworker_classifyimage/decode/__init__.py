"""An encoded picture to the pixels that a network takes as its input.

    bytes -> recognise -> open   -> load    -> square         -> turn
             format       header    pixels     size, colour      (S, S, 3) uint8

`decoding` is this flow. `formats` has one object per format, which answers all questions about it;
the other modules know no format, only structures of bytes or of pixels.

Decoding is a pure function of bytes: it knows no bridge, no model library and no files. Arguments
and results can be pickled, and only `TaskError`s are raised. Libraries for rare formats are
imported when the first such file comes, or earlier by `preload_decoders`; `is_rare` tells which.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from taskworker_classifyimage.decode.picture import Decoded, DecodeLimits, PictureFacts

if TYPE_CHECKING:
    from taskworker_classifyimage.decode.decoding import decode, silence_decoders, to_input
    from taskworker_classifyimage.decode.formats.registry import (
        Decoder,
        decoders,
        is_rare,
        preload_decoders,
    )

__all__ = [
    "DecodeLimits",
    "Decoded",
    "Decoder",
    "PictureFacts",
    "decode",
    "decoders",
    "is_rare",
    "preload_decoders",
    "silence_decoders",
    "to_input",
]

#: The program itself decodes nothing: it needs none of the libraries, which take time to import.
_PLACES: Final = {
    "Decoder": "formats.registry",
    "decode": "decoding",
    "decoders": "formats.registry",
    "is_rare": "formats.registry",
    "preload_decoders": "formats.registry",
    "silence_decoders": "decoding",
    "to_input": "decoding",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
