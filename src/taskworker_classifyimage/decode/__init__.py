"""An encoded picture to the pixels that a network wants to see.

    bytes -> open -> colour -> geometry -> orientation -> (S, S, 3) uint8

A pure function of bytes: it knows no bridge, no model library and no files. Arguments and results
can be pickled, and it raises nothing but `TaskError`s.
"""

from taskworker_classifyimage.decode.decoding import decode, preload_decoders, silence_decoders
from taskworker_classifyimage.decode.picture import Decoded, DecodeLimits, PictureFacts

__all__ = [
    "DecodeLimits",
    "Decoded",
    "PictureFacts",
    "decode",
    "preload_decoders",
    "silence_decoders",
]
