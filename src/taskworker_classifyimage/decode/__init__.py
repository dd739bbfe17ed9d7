"""An encoded picture to the pixels that a network wants to see.

    bytes -> identify -> open  -> load    -> square                -> turn
             format      header   pixels     geometry, then colour    (S, S, 3) uint8

`remains` finds out what of a broken picture is there. All of it is a pure function of bytes: it
knows no bridge, no model library and no files. Arguments and results can be pickled, and it raises
nothing but `TaskError`s. Libraries for rare formats are imported when the first such file comes,
unless `preload_decoders` is called before.
"""

from taskworker_classifyimage.decode.decoding import decode, silence_decoders
from taskworker_classifyimage.decode.listing import Decoder, decoders
from taskworker_classifyimage.decode.picture import Decoded, DecodeLimits, PictureFacts
from taskworker_classifyimage.decode.preloading import preload_decoders

__all__ = [
    "DecodeLimits",
    "Decoded",
    "Decoder",
    "PictureFacts",
    "decode",
    "decoders",
    "preload_decoders",
    "silence_decoders",
]
