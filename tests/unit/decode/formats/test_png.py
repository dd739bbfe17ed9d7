import struct
import zlib

import pytest

from support import corpus
from taskworker_classifyimage.decode import DecodeLimits, decode
from taskworker_classifyimage.errors import DamagedPicture
from taskworker_classifyimage.input_spec import InputSpec

SPEC = InputSpec(size=64, crop=0.875)


@pytest.mark.parametrize(("bits", "shade"), [(1, 1), (2, 2), (4, 7), (8, 9), (16, 0x1234)])
def test_a_transparent_shade_of_grey_shows_the_background(bits: int, shade: int) -> None:
    """A PNG can declare one colour transparent, in any number of bits."""
    row = int(f"{shade:0{bits}b}" * 80, 2).to_bytes(10 * bits, "big")
    header = struct.pack(">IIBBBBB", 80, 80, bits, 0, 0, 0, 0)
    chunks = {
        b"IHDR": header,
        b"tRNS": shade.to_bytes(2, "big"),
        b"IDAT": zlib.compress((b"\0" + row) * 80),
        b"IEND": b"",
    }
    png = b"\x89PNG\r\n\x1a\n" + b"".join(corpus.png_chunk(*each) for each in chunks.items())
    assert (decode(png, SPEC, DecodeLimits()).pixels == 127).all()


@pytest.mark.parametrize("kind", [b"tEXt", b"iCCP", b"eXIf", b"zTXt"])
def test_damaged_metadata_does_not_cost_the_picture(kind: bytes) -> None:
    """Text, profile and EXIF data have checksums of their own; the pixels are intact."""
    whole = corpus.encoded("png_rgb")
    damaged = whole[:33] + corpus.png_chunk(kind, b"comment\0\0nonsense")[:-1] + b"!" + whole[33:]
    found = decode(damaged, SPEC, DecodeLimits())
    assert (found.pixels == decode(whole, SPEC, DecodeLimits()).pixels).all()
    assert found.facts.warnings == ("damaged: decoded without profile and metadata",)


def test_a_damaged_size_is_not_guessed() -> None:
    """With another width, the rows would show another picture."""
    whole = corpus.encoded("png_rgb")
    with pytest.raises(DamagedPicture):
        decode(whole[:19] + b"\7" + whole[20:], SPEC, DecodeLimits())
