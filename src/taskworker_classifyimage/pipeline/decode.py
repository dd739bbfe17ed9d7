"""decode: an encoded picture to the pixels that a network wants to see."""

from taskworker_classifyimage.decode import (
    Decoded,
    DecodeLimits,
    PictureFacts,
    decode,
    silence_decoders,
)

__all__ = ["DecodeLimits", "Decoded", "PictureFacts", "decode", "silence_decoders"]
