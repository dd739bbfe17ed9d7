"""Stands in for decoding: takes the time that is written in the picture, and no CPU."""

import time

import numpy as np

from taskworker_classifyimage.decode import Decoded, DecodeLimits, PictureFacts
from taskworker_classifyimage.input_spec import InputSpec

_MARK = b"SIMULATED "
_FACTS = PictureFacts("JPEG", 1, 1, 1, "none")


def make_picture(decode_ms: float, number: int, size_bytes: int) -> bytes:
    """A file that takes so long, unlike every other number's."""
    head = b"%s%g %d\n" % (_MARK, decode_ms, number)
    return head + bytes(size_bytes - len(head))


def decode(encoded: bytes, spec: InputSpec, _limits: DecodeLimits, **_wish: bool) -> Decoded:
    """Sleeps; gives black pixels, as many as usual."""
    time.sleep(float(encoded[len(_MARK) : 40].split()[0]) / 1000)
    return Decoded(np.zeros((spec.size, spec.size, 3), np.uint8), _FACTS)
