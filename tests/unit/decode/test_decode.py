import io

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from support.bombs import png
from support.corpus import png_chunk
from support.photos import ESPRESSO
from taskworker_classifyimage.decode import DecodeLimits, decode
from taskworker_classifyimage.errors import DamagedPicture, TaskError, TooLarge
from taskworker_classifyimage.input_spec import InputSpec

# Decoders remark on damaged files; the program silences that where it starts.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

SPEC = InputSpec(size=64, crop=0.875)


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


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "RGBA", "YCbCr", "F", "I"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    """Grey, palette, alpha, print colours and floats all reach the network as RGB."""
    kind = {"CMYK": "JPEG", "YCbCr": "JPEG", "F": "TIFF", "I": "TIFF"}.get(mode, "PNG")
    assert decoded(encoded(upright().convert(mode), kind)).any()


@pytest.mark.parametrize(("width", "height"), [(65535, 65535), (2**31 - 1, 1), (20001, 10000)])
def test_a_huge_picture_is_refused_on_its_header(width: int, height: int) -> None:
    """Nothing is decoded: these files have no data that could be."""
    with pytest.raises(TooLarge, match=f"{width} x {height}"):
        decoded(png(width, height))


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


@pytest.mark.parametrize("kind", [b"tEXt", b"iCCP", b"eXIf", b"zTXt"])
def test_a_damaged_remark_does_not_cost_the_picture(kind: bytes) -> None:
    """A PNG's text, profile and EXIF data have checksums of their own; the pixels are fine."""
    whole = encoded(upright())
    damaged = whole[:33] + png_chunk(kind, b"remark\0\0nonsense")[:-1] + b"!" + whole[33:]
    found = decode(damaged, SPEC, DecodeLimits())
    assert (found.pixels == decode(whole, SPEC, DecodeLimits()).pixels).all()
    assert found.facts.warnings == ("damaged: decoded without profile and remarks",)


def test_a_damaged_size_is_not_guessed() -> None:
    """With another width the rows of a PNG would be another picture."""
    whole = encoded(upright())
    with pytest.raises(DamagedPicture):
        decode(whole[:19] + b"\7" + whole[20:], SPEC, DecodeLimits())
