import struct

import pytest

from taskworker_classifyimage.decode import DecodeLimits, decode
from taskworker_classifyimage.input_spec import InputSpec


@pytest.mark.parametrize(("kind", "number"), [("icon", 1), ("cursor", 2)])
def test_what_an_icons_mask_hides_stays_hidden(kind: str, number: int) -> None:
    """Behind a bitmap without alpha follows a mask of one bit a pixel."""
    rows, mask = bytes([0, 0, 255]) * 32 * 32, (b"\0\0" + b"\xff\xff") * 32
    header = struct.pack("<IiiHHIIiiII", 40, 32, 64, 1, 24, 0, len(rows + mask), 0, 0, 0, 0)
    bitmap = header + rows + mask
    spot = (5, 7) if kind == "cursor" else (1, 24)
    entry = struct.pack("<BBBBHHII", 32, 32, 0, 0, *spot, len(bitmap), 22)
    pixels = decode(
        struct.pack("<HHH", 0, number, 1) + entry + bitmap, InputSpec(32, None), DecodeLimits()
    ).pixels
    assert (pixels[:, :12] == (255, 0, 0)).all()
    assert (pixels[:, 20:] == 127).all()
