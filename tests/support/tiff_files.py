"""TIFFs of any tags, as no library here writes them (TIFF 6.0)."""

import struct
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

SHORT, LONG, FRACTION = 3, 4, 5
_FORMS: Final = {SHORT: "H", LONG: "I", FRACTION: "I"}
WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
OFFSETS, SAMPLES, ROWS, COUNTS, PLANAR, EXTRA = 273, 277, 278, 279, 284, 338
SUBSAMPLING, REFERENCES = 530, 532

Tags = dict[int, tuple[int, Sequence[int]]]


def write_tiff(tags: Tags, blocks: Sequence[bytes], order: str = "<") -> bytes:
    """A file of strips; their offsets and lengths are added."""
    tags = {
        **tags,
        OFFSETS: (LONG, [0] * len(blocks)),
        COUNTS: (LONG, [len(block) for block in blocks]),
    }
    at = 8 + 2 + 12 * len(tags) + 4
    places = {}
    for tag, (kind, values) in sorted(tags.items()):
        size = struct.calcsize(_FORMS[kind]) * len(values)
        if size > 4:
            places[tag] = at
            at += size + size % 2
    offsets = []
    for block in blocks:
        offsets.append(at)
        at += len(block)
    tags[OFFSETS] = (LONG, offsets)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(tags))
    behind = b""
    for tag, (kind, values) in sorted(tags.items()):
        content = struct.pack(f"{order}{len(values)}{_FORMS[kind]}", *values)
        count = len(values) // (2 if kind == FRACTION else 1)
        head += struct.pack(f"{order}HHI", tag, kind, count)
        if tag in places:
            head += struct.pack(f"{order}I", places[tag])
            behind += content + b"\0" * (len(content) % 2)
        else:
            head += content.ljust(4, b"\0")
    return head + bytes(4) + behind + b"".join(blocks)


def pack(rows: npt.NDArray[np.uint8], bits: int) -> bytes:
    """(H, N) numbers, the highest bit first; each row begins with a byte."""
    single = (rows[:, :, np.newaxis] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(single.reshape(len(rows), -1).astype(np.uint8), axis=1).tobytes()
