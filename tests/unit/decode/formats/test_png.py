import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

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


WHOLE = InputSpec(size=160, crop=None)


def difference(encoded: bytes, image: Image.Image) -> float:
    found = decode(encoded, WHOLE, DecodeLimits()).pixels.astype(np.int16)
    expected = decode(corpus.save(image, "PNG"), WHOLE, DecodeLimits()).pixels
    return float(np.abs(found - expected).mean())


def apples(pixels: npt.NDArray[np.uint8], *, kind: int = 6) -> bytes:
    """(H, W, C) as it is stored, packed as Xcode does."""
    height, width, _ = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    chunks = {
        b"CgBI": b"\x50\0\x20\2",
        b"IHDR": header,
        b"IDAT": packer.compress(rows) + packer.flush(),
        b"IEND": b"",
    }
    return b"\x89PNG\r\n\x1a\n" + b"".join(corpus.png_chunk(*each) for each in chunks.items())


def test_apples_pngs_have_the_usual_colours() -> None:
    """Blue comes first, and colours are multiplied with transparency."""
    image = corpus.reference().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    pixels = np.asarray(image).astype(np.float64)
    pixels[:, :, :3] *= pixels[:, :, 3:] / 255
    stored = np.rint(pixels[:, :, [2, 1, 0, 3]]).astype(np.uint8)
    assert difference(apples(stored), image) < 1
    opaque = np.asarray(corpus.reference())[:, :, ::-1]
    assert difference(apples(opaque, kind=2), corpus.reference()) == 0


def test_half_of_apples_png_shows_what_is_there() -> None:
    opaque = np.dstack(
        [np.asarray(corpus.reference())[:, :, ::-1], np.full((160, 240), 255, np.uint8)]
    )
    encoded = apples(opaque)
    found = decode(encoded[: len(encoded) * 6 // 10], WHOLE, DecodeLimits())
    share = int(found.facts.warnings[0].split()[1])
    assert 45 <= share <= 75
    whole = decode(encoded, WHOLE, DecodeLimits()).pixels
    rows = 160 * share // 100 - 8
    assert np.abs(found.pixels[:rows].astype(np.int16) - whole[:rows]).mean() < 1


def with_chunk(image: Image.Image, kind: bytes, content: bytes) -> bytes:
    whole = corpus.save(image, "PNG")
    return whole[:33] + corpus.png_chunk(kind, content) + whole[33:]


def linear_of(image: Image.Image) -> npt.NDArray[np.float64]:
    numbers = np.asarray(image).astype(np.float64) / 255
    light: npt.NDArray[np.float64] = np.where(
        numbers <= 0.04045, numbers / 12.92, ((numbers + 0.055) / 1.055) ** 2.4
    )
    return light


def stored(numbers: npt.NDArray[Any]) -> Image.Image:
    return Image.fromarray(np.rint(numbers.clip(0, 1) * 255).astype(np.uint8))


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P"])
def test_linear_light_is_shown_as_bright_as_it_is(mode: str) -> None:
    """A gAMA of 1.0, as renderers write it, and as browsers show it."""
    image = corpus.reference().convert("L" if mode == "L" else "RGB")
    linear = stored(linear_of(image))
    linear = linear.quantize(256) if mode == "P" else linear.convert(mode)
    limit = 6 if mode == "P" else 2.5  # 8 bits of linear light are few for the shadows
    assert difference(with_chunk(linear, b"gAMA", struct.pack(">I", 100000)), image) < limit


def test_linear_light_of_16_bits() -> None:
    grey = corpus.reference().convert("L")
    wide = Image.fromarray(np.rint(linear_of(grey) * 65535).astype(np.uint16))
    assert difference(with_chunk(wide, b"gAMA", struct.pack(">I", 100000)), grey) < 1


def test_linear_light_of_16_bits_with_a_transparent_shade() -> None:
    """Only that shade shows the background."""
    grey = corpus.reference().convert("L")
    wide = Image.fromarray(np.rint(linear_of(grey) * 65535).astype(np.uint16))
    whole = corpus.save(wide, "PNG")
    chunks = corpus.png_chunk(b"gAMA", struct.pack(">I", 100000)) + corpus.png_chunk(
        b"tRNS", b"\0\1"
    )
    assert difference(whole[:33] + chunks + whole[33:], grey) < 3


@pytest.mark.parametrize("other", [b"sRGB", b"gAMA"])
def test_the_usual_gamma_changes_nothing(other: bytes) -> None:
    """Nor does any gamma, where the file says that it is sRGB."""
    encoded = with_chunk(corpus.reference(), b"gAMA", struct.pack(">I", 45455))
    if other == b"sRGB":
        encoded = with_chunk(corpus.reference(), b"gAMA", struct.pack(">I", 100000))
        encoded = encoded[:33] + corpus.png_chunk(b"sRGB", b"\0") + encoded[33:]
    assert difference(encoded, corpus.reference()) == 0


#: From linear light of sRGB to that of BT.2020 (BT.2087).
WIDER = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])


def to_pq(light: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """SMPTE ST 2084, paper white at 203 of 10000 cd/m2."""
    power = (light.clip(0) * 203 / 10000) ** 0.1593017578125
    coded: npt.NDArray[np.float64] = (
        (0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)
    ) ** 78.84375
    return coded


def to_hlg(light: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """ARIB STD-B67, paper white at 203 of 1000 cd/m2."""
    scene = (light.clip(0) * 203 / 1000) ** (1 / 1.2)
    bright = 0.17883277 * np.log((12 * scene - 0.28466892).clip(1e-9)) + 0.55991073
    coded: npt.NDArray[np.float64] = np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright)
    return coded


def test_pictures_of_high_dynamic_range_are_converted() -> None:
    """cICP: PQ and HLG with the primaries of BT.2020, linear light, and Display P3 (12)."""
    light = linear_of(corpus.reference())
    wide = light @ WIDER.T
    for transfer, numbers in ((16, to_pq(wide)), (18, to_hlg(wide))):
        encoded = with_chunk(stored(numbers), b"cICP", bytes((9, transfer, 0, 1)))
        assert difference(encoded, corpus.reference()) < 4, transfer
    encoded = with_chunk(stored(light), b"cICP", bytes((1, 8, 0, 1)))
    assert difference(encoded, corpus.reference()) < 2.5
    encoded = with_chunk(corpus.reference(), b"cICP", bytes((1, 13, 0, 1)))
    assert difference(encoded, corpus.reference()) == 0
    red = Image.new("RGB", (40, 40), (234, 51, 35))  # sRGB's red, in numbers of Display P3
    encoded = with_chunk(red, b"cICP", bytes((12, 13, 0, 1)))
    assert difference(encoded, Image.new("RGB", (40, 40), (255, 0, 0))) < 3
