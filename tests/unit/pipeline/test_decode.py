import io
import struct
import zlib

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from support.photos import ESPRESSO
from taskworker_classifyimage.classify.model import InputSpec
from taskworker_classifyimage.decode import DecodeLimits, decode
from taskworker_classifyimage.errors import DamagedPicture, TaskError, TooLarge, UnsupportedFormat

# Decoders remark on damaged files; the program silences that where it starts.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

SPEC = InputSpec(size=64, crop=0.875)

#: What puts an upright picture into the position that each EXIF orientation describes.
LAID_DOWN = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def decoded(encoded: bytes, limits: DecodeLimits | None = None) -> npt.NDArray[np.int16]:
    pixels = decode(encoded, SPEC, limits or DecodeLimits()).pixels
    assert pixels.shape == (64, 64, 3)
    assert pixels.dtype == np.uint8
    return pixels.astype(np.int16)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def upright() -> Image.Image:
    return Image.open(io.BytesIO(ESPRESSO)).convert("RGB").resize((300, 200))


def png_header(width: int, height: int) -> bytes:
    """A PNG that says it is that large, and has next to no data."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 100))
        + chunk(b"IEND", b"")
    )


def test_a_large_jpeg_is_decoded_small_and_looks_the_same() -> None:
    """Decoding at a fraction of the size changes little; a PNG of the picture is decoded whole."""
    large = upright().resize((3000, 2000))
    exact = decoded(encoded(large))
    scaled = decoded(encoded(large, "JPEG", quality=95, subsampling=0))
    assert np.abs(scaled - exact).mean() < 1


def test_a_model_that_wants_the_nearest_pixel_gets_one_of_the_picture() -> None:
    """Decoding at a fraction of the size would mix pixels that such a model never sees mixed."""
    large = encoded(upright().resize((3000, 2000)), "JPEG", quality=95)
    whole = Image.open(io.BytesIO(large)).resize((64, 64), Image.Resampling.NEAREST)
    spec = InputSpec(size=64, crop=None, resize="nearest")
    assert (decode(large, spec, DecodeLimits()).pixels == np.asarray(whole)).all()


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "PPM", "TGA"])
def test_formats_give_the_same_picture(kind: str) -> None:
    """Found by content; lossy ones within a small difference, GIF with its 256 colours."""
    options = {"quality": 95} if kind in ("JPEG", "WEBP", "AVIF") else {}
    difference = np.abs(decoded(encoded(upright(), kind, **options)) - decoded(encoded(upright())))
    assert difference.mean() < 4


@pytest.mark.parametrize("orientation", LAID_DOWN)
def test_a_turned_picture_is_seen_upright(orientation: int) -> None:
    """All eight EXIF orientations give the pixels of the upright picture."""
    turn = LAID_DOWN[orientation]
    laid_down = upright() if turn is None else upright().transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    difference = np.abs(decoded(encoded(laid_down, "PNG", exif=exif)) - decoded(encoded(upright())))
    # Rows before columns or columns before rows round differently.
    assert difference.max() <= 4


def test_the_middle_is_kept_and_nothing_is_stretched() -> None:
    """A circle in the middle of a wide picture stays a circle."""
    image = Image.new("RGB", (400, 100), "red")
    image.paste("white", (150, 0, 250, 100))
    assert (decoded(encoded(image)) == 255).all()


def test_a_fine_pattern_does_not_become_a_coarse_one() -> None:
    """Anti-aliasing: stripes of one pixel become grey, not other stripes."""
    stripes = np.zeros((640, 640), dtype=np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(decoded(encoded(Image.fromarray(stripes)))[8:-8, 8:-8] - 127).max() < 12


def test_what_is_hidden_under_transparency_stays_hidden() -> None:
    """A transparent picture shows its ground, not the colours left under it."""
    image = Image.new("RGBA", (80, 80), (255, 0, 0, 0))
    assert (decoded(encoded(image)) == 127).all()


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    """A mid-grey of 16 bits is a mid-grey of 8."""
    image = Image.fromarray(np.full((80, 80), 0x8000, dtype=np.uint16))
    assert (decoded(encoded(image)) == 128).all()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "RGBA", "YCbCr", "F", "I"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    """Grey, palette, alpha, print colours and floats all reach the network as RGB."""
    kind = {"CMYK": "JPEG", "YCbCr": "JPEG", "F": "TIFF", "I": "TIFF"}.get(mode, "PNG")
    assert decoded(encoded(upright().convert(mode), kind)).any()


@pytest.mark.parametrize("content", [b"a text\n" * 100, b"%!PS-Adobe-3.0 EPSF-3.0\n", b"<svg/>"])
def test_what_is_no_picture_is_unsupported(content: bytes) -> None:
    """A text file, and formats whose decoders start other programs."""
    with pytest.raises(UnsupportedFormat):
        decoded(content)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_picture_is_damaged(share: float) -> None:
    """A file that was cut is told from one that is no picture."""
    with pytest.raises(DamagedPicture):
        decoded(ESPRESSO[: int(len(ESPRESSO) * share)])


@pytest.mark.parametrize(("width", "height"), [(65535, 65535), (2**31 - 1, 1), (20001, 10000)])
def test_a_huge_picture_is_refused_on_its_header(width: int, height: int) -> None:
    """Nothing is decoded: these files have no data that could be."""
    with pytest.raises(TooLarge, match=f"{width} x {height}"):
        decoded(png_header(width, height))


def test_the_limit_of_pixels_is_the_operators() -> None:
    """The picture that is refused with one limit is decoded with another."""
    with pytest.raises(TooLarge):
        decoded(encoded(upright()), DecodeLimits(pixels=59_999))
    decoded(encoded(upright()), DecodeLimits(pixels=60_000))


def test_damaged_exif_does_not_cost_the_picture() -> None:
    """The pixels are fine, so there is an answer."""
    exif = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\xff" * 40
    assert decoded(encoded(upright(), "JPEG", exif=exif)).any()


@given(st.integers(0, len(ESPRESSO) - 1), st.binary(min_size=1, max_size=20))
def test_a_changed_file_is_decoded_or_refused(offset: int, change: bytes) -> None:
    """Whatever a file holds: pixels, or an error that the client is told."""
    mutated = ESPRESSO[:offset] + change + ESPRESSO[offset + len(change) :]
    try:
        pixels = decode(mutated, SPEC, DecodeLimits()).pixels
    except TaskError:
        return
    assert pixels.shape == (64, 64, 3)
