import struct

import pytest

from taskworker_classifyimage.decode.formats.jpeg_xl import read_header


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_xl_tells_size_and_orientation_in_its_header(orientation: int) -> None:
    """The header is written here bit by bit."""
    bits = [
        (0, 1),
        (0, 2),
        (319, 9),
        (0, 3),
        (0, 2),
        (479, 9),
        (0, 1),
        (1, 1),
        (orientation - 1, 3),
    ]
    value = at = 0
    for number, count in bits:
        value |= number << at
        at += count
    header = read_header(b"\xff\x0a" + struct.pack("<Q", value) + bytes(8))
    assert (header.width, header.height, header.orientation) == (480, 320, orientation)
