import zlib
from collections.abc import Callable
from itertools import product

import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from support import corpus
from support.tiff_files import (
    BITS,
    COMPRESSION,
    EXTRA,
    FRACTION,
    LENGTH,
    LONG,
    PHOTOMETRIC,
    PLANAR,
    REFERENCES,
    ROWS,
    SAMPLES,
    SHORT,
    SUBSAMPLING,
    WIDTH,
    Tags,
    pack,
    write_tiff,
)
from taskworker_classifyimage.decode import Decoded, DecodeLimits, decode
from taskworker_classifyimage.errors import DamagedPicture, TaskError, UnsupportedFormat
from taskworker_classifyimage.input_spec import InputSpec

# Decoders warn of damaged files; the program silences that where it starts.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

SPEC = InputSpec(size=160, crop=None)
GREY_INVERTED, GREY, RGB, PALETTE, CMYK, YCBCR = 0, 1, 2, 3, 5, 6
UNPACKED, LZW, DEFLATE, PACKBITS, JPEG = 1, 5, 8, 32773, 7


def read(encoded: bytes) -> Decoded:
    return decode(encoded, SPEC, DecodeLimits())


def difference(found: Decoded, image: Image.Image) -> float:
    expected = read(corpus.save(image, "PNG")).pixels
    return float(np.abs(found.pixels.astype(np.int16) - expected).mean())


def tags_of(width: int, height: int, photometric: int, bits: list[int]) -> Tags:
    return {
        WIDTH: (LONG, [width]),
        LENGTH: (LONG, [height]),
        BITS: (SHORT, bits),
        COMPRESSION: (SHORT, [UNPACKED]),
        PHOTOMETRIC: (SHORT, [photometric]),
        SAMPLES: (SHORT, [len(bits)]),
        ROWS: (LONG, [height]),
    }


def compress(block: bytes, compression: int) -> bytes:
    encoders: dict[int, Callable[[bytes], bytes | bytearray]] = {
        UNPACKED: bytes,
        LZW: imagecodecs.lzw_encode,
        DEFLATE: zlib.compress,
        PACKBITS: imagecodecs.packbits_encode,
    }
    return bytes(encoders[compression](block))


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("photometric", [GREY_INVERTED, GREY, RGB])
def test_few_bits_are_scaled(bits: int, photometric: int) -> None:
    """White is white, however few steps there are."""
    mode, count = ("RGB", 3) if photometric == RGB else ("L", 1)
    exact = np.asarray(corpus.reference().convert(mode)).astype(np.float64) / 255
    steps = np.rint(exact * ((1 << bits) - 1)).astype(np.uint8)
    shown = Image.fromarray(np.rint(steps * (255 / ((1 << bits) - 1))).astype(np.uint8))
    stored = (1 << bits) - 1 - steps if photometric == GREY_INVERTED else steps
    packed = pack(stored.reshape(160, -1), bits)
    found = read(write_tiff(tags_of(240, 160, photometric, [bits] * count), [packed]))
    assert difference(found, shown) < 0.6


def units_of(bands: list[npt.NDArray[np.uint8]], across: int, down: int) -> npt.NDArray[np.uint8]:
    """(rows, columns, n): brightnesses, then the two colours that they share."""
    y, cb, cr = bands
    height, width = y.shape
    blocks = y.reshape(height // down, down, width // across, across).transpose(0, 2, 1, 3)
    in_units = blocks.reshape(height // down, width // across, down * across)
    return np.concatenate([in_units, cb[:, :, np.newaxis], cr[:, :, np.newaxis]], axis=2)


def shared(image: Image.Image, across: int, down: int) -> list[npt.NDArray[np.uint8]]:
    y, *colours = image.convert("YCbCr").split()
    sides = image.width // across, image.height // down
    return [
        np.asarray(y),
        *(np.asarray(band.resize(sides, Image.Resampling.BOX)) for band in colours),
    ]


@pytest.mark.parametrize("is_planar", [False, True])
@pytest.mark.parametrize("compression", [UNPACKED, LZW, DEFLATE, PACKBITS])
@pytest.mark.parametrize(("across", "down"), [*product([1, 2, 4], [1, 2, 4])])
def test_brightness_and_colours_in_every_subsampling(
    across: int, down: int, compression: int, is_planar: bool
) -> None:
    """Cameras write 2 x 1 and 2 x 2, in strips of several rows."""
    bands = shared(corpus.reference(), across, down)
    tags = tags_of(240, 160, YCBCR, [8, 8, 8])
    tags[COMPRESSION] = SHORT, [compression]
    tags[SUBSAMPLING] = SHORT, [across, down]
    tags[ROWS] = LONG, [64]
    if is_planar:
        tags[PLANAR] = SHORT, [2]
        steps = (64, 64 // down, 64 // down)
        blocks = [
            band[top : top + step].tobytes()
            for band, step in zip(bands, steps, strict=True)
            for top in range(0, len(band), step)
        ]
    else:
        units = units_of(bands, across, down)
        blocks = [
            units[top : top + 64 // down].tobytes() for top in range(0, len(units), 64 // down)
        ]
    encoded = write_tiff(tags, [compress(block, compression) for block in blocks])
    found = read(encoded)
    assert found.facts.warnings == ()
    assert difference(found, corpus.reference()) < (2 if across * down == 1 else 5)


def test_a_width_that_is_no_multiple_of_the_subsampling() -> None:
    """The last column of units is padded; without the tag it is 2 x 2."""
    image = corpus.reference().crop((0, 0, 237, 159))
    padded = Image.new("RGB", (238, 160))
    padded.paste(image.resize((238, 160)))
    units = units_of(shared(padded, 2, 2), 2, 2)
    found = read(write_tiff(tags_of(237, 159, YCBCR, [8, 8, 8]), [units.tobytes()]))
    assert difference(found, image) < 7


def test_the_range_of_video_is_widened() -> None:
    """Black is 16 and white 235 where the file says so."""
    y, cb, cr = (
        np.asarray(band).astype(np.float64) for band in corpus.reference().convert("YCbCr").split()
    )
    y, cb, cr = 16 + y * 219 / 255, 128 + (cb - 128) * 112 / 127, 128 + (cr - 128) * 112 / 127
    tags = tags_of(240, 160, YCBCR, [8, 8, 8])
    tags[SUBSAMPLING] = SHORT, [1, 1]
    tags[REFERENCES] = FRACTION, [16, 1, 235, 1, 128, 1, 240, 1, 128, 1, 240, 1]
    pixels = np.dstack([y, cb, cr]).round().clip(0, 255).astype(np.uint8)
    assert difference(read(write_tiff(tags, [pixels.tobytes()])), corpus.reference()) < 2


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("extra", "is_alpha"), [(0, False), (1, True), (2, True)])
def test_inks_with_a_further_sample(bits: int, order: str, extra: int, is_alpha: bool) -> None:
    """Transparency, or a spot colour, which is left out."""
    inks = np.asarray(corpus.reference().convert("CMYK"))
    alpha = np.zeros((160, 240), np.uint8)
    alpha[:, 120:] = 255
    stored = np.dstack([inks, alpha]).astype(f"{order}u{bits // 8}") * (257 if bits == 16 else 1)
    tags = tags_of(240, 160, CMYK, [bits] * 5)
    tags[EXTRA] = SHORT, [extra]
    found = read(write_tiff(tags, [stored.astype(f"{order}u{bits // 8}").tobytes()], order))
    expected = corpus.reference().convert("RGBA")
    expected.putalpha(Image.fromarray(alpha))
    assert difference(found, expected if is_alpha else corpus.reference()) < 1


def test_planes_of_ink_of_16_bits() -> None:
    inks = np.moveaxis(np.asarray(corpus.reference().convert("CMYK")), 2, 0).astype("<u2") * 257
    tags = tags_of(240, 160, CMYK, [16] * 4)
    tags[PLANAR] = SHORT, [2]
    found = read(write_tiff(tags, [plane.astype("<u2").tobytes() for plane in inks]))
    assert difference(found, corpus.reference()) < 1


@pytest.mark.parametrize("photometric", [GREY_INVERTED, GREY, RGB])
def test_tiles_whose_offsets_are_called_those_of_strips(photometric: int) -> None:
    """As the first programs wrote tiles."""
    mode = "RGB" if photometric == RGB else "L"
    image = corpus.reference().convert(mode)
    pixels = np.asarray(image).reshape(160, 240, -1)
    pixels = 255 - pixels if photometric == GREY_INVERTED else pixels
    padded = np.zeros((192, 256, pixels.shape[2]), np.uint8)
    padded[:160, :240] = pixels
    tags = tags_of(240, 160, photometric, [8] * pixels.shape[2])
    tags[322], tags[323] = (LONG, [64]), (LONG, [64])
    places = product(range(0, 192, 64), range(0, 256, 64))
    tiles = [padded[top : top + 64, left : left + 64].tobytes() for top, left in places]
    assert difference(read(write_tiff(tags, tiles)), image) == 0


def test_the_blocks_that_are_there_are_shown() -> None:
    """The others become grey, and the warning states the share."""
    bands = shared(corpus.reference(), 2, 2)
    tags = tags_of(240, 160, YCBCR, [8, 8, 8])
    tags[ROWS] = LONG, [16]
    units = units_of(bands, 2, 2)
    blocks = [units[top : top + 8].tobytes() for top in range(0, 80, 8)]
    encoded = write_tiff(tags, blocks)
    found = read(encoded[: len(encoded) - len(blocks[0]) * 4 + 10])
    assert found.facts.warnings == ("truncated: 60 % decoded",)
    assert (found.pixels[-50:] == 127).all()
    with pytest.raises(DamagedPicture, match="10 %"):
        read(encoded[: len(encoded) - len(blocks[0]) * 9 + 10])


def test_kinds_of_jpeg_that_are_not_decoded_are_named() -> None:
    for compression, bits, name in ((6, 8, "JPEG of the old kind"), (JPEG, 12, "12-bit samples")):
        tags = tags_of(64, 64, GREY, [bits])
        tags[COMPRESSION] = SHORT, [compression]
        with pytest.raises(UnsupportedFormat, match=name):
            read(write_tiff(tags, [b"\xff\xd8\xff\xd9"]))


@given(st.integers(4, 400), st.binary(max_size=12))
def test_any_change_gives_a_picture_or_an_error_for_the_client(at: int, junk: bytes) -> None:
    bands = shared(corpus.reference().resize((32, 32)), 2, 2)
    tags = tags_of(32, 32, YCBCR, [8, 8, 8])
    tags[ROWS] = LONG, [8]
    units = units_of(bands, 2, 2)
    whole = write_tiff(tags, [units[top : top + 4].tobytes() for top in range(0, 16, 4)])
    try:
        decode(whole[:at] + junk + whole[at + len(junk) :], SPEC, DecodeLimits(pixels=10**6))
    except TaskError:
        return
