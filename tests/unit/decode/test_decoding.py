import io

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from support import corpus
from support.bombs import BOMBS, bomb, png
from support.photos import ESPRESSO
from taskworker_classifyimage.decode import DecodeLimits, decode
from taskworker_classifyimage.errors import EmptyFile, NeedsMemory, TaskError, TooLarge
from taskworker_classifyimage.input_spec import InputSpec

# Decoders warn of damaged files; the program silences that where it starts.
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
    large = upright().resize((1500, 1000))
    exact = decoded(encoded(large))
    scaled = decoded(encoded(large, "JPEG", quality=95, subsampling=0))
    assert np.abs(scaled - exact).mean() < 1


def test_a_model_that_wants_the_nearest_pixel_gets_one_of_the_picture() -> None:
    """Decoding at a fraction of the size would mix neighbouring pixels."""
    large = encoded(upright().resize((3000, 2000)), "JPEG", quality=95)
    whole = Image.open(io.BytesIO(large)).resize((64, 64), Image.Resampling.NEAREST)
    spec = InputSpec(size=64, crop=None, resize="nearest")
    assert (decode(large, spec, DecodeLimits()).pixels == np.asarray(whole)).all()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "RGBA", "YCbCr", "F", "I"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    """Grey, palette, alpha, print colours and floats all reach the network as RGB."""
    kind = {"CMYK": "JPEG", "YCbCr": "JPEG", "F": "TIFF", "I": "TIFF"}.get(mode, "PNG")
    assert decoded(encoded(upright().convert(mode), kind)).any()


@pytest.mark.parametrize(("width", "height"), [(65535, 65535), (2**31 - 1, 1), (20001, 10000)])
def test_a_huge_picture_is_refused_on_its_header(width: int, height: int) -> None:
    """Nothing is decoded: these files hold no pixels."""
    with pytest.raises(TooLarge, match=f"{width} x {height}"):
        decoded(png(width, height))


def test_the_limit_of_pixels_is_the_operators() -> None:
    """The picture that is refused with one limit is decoded with another."""
    with pytest.raises(TooLarge):
        decoded(encoded(upright()), DecodeLimits(pixels=59_999))
    decoded(encoded(upright()), DecodeLimits(pixels=60_000))


def test_damaged_exif_does_not_cost_the_picture() -> None:
    """The pixels are intact, so they are decoded."""
    exif = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\xff" * 40
    assert decoded(encoded(upright(), "JPEG", exif=exif)).any()


@given(st.integers(0, len(ESPRESSO) - 1), st.binary(min_size=1, max_size=20))
def test_a_changed_file_is_decoded_or_refused(offset: int, change: bytes) -> None:
    """Whatever a file holds: pixels, or an error for the client."""
    mutated = ESPRESSO[:offset] + change + ESPRESSO[offset + len(change) :]
    try:
        pixels = decode(mutated, SPEC, DecodeLimits()).pixels
    except TaskError:
        return
    assert pixels.shape == (64, 64, 3)


def code_of(encoded: bytes) -> str:
    try:
        decode(encoded, SPEC, DecodeLimits())
    except TaskError as err:
        return str(err.code)
    return ""


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.timeout(30)
def test_a_bomb_is_refused_on_its_header(name: str) -> None:
    """With its code; where a bomb lies behind an intact first picture, that one is decoded."""
    assert code_of(bomb(name)) == BOMBS[name][1]


@pytest.mark.parametrize("name", corpus.names())
def test_every_format_is_measured_by_its_header(name: str) -> None:
    """Size and memory, before any decoder takes memory for them."""
    with pytest.raises(TooLarge, match="the limit is 100"):
        decode(corpus.encoded(name), SPEC, DecodeLimits(pixels=100))
    with pytest.raises(NeedsMemory):
        decode(corpus.encoded(name), SPEC, DecodeLimits(memory_bytes=1))


def test_no_bytes_are_told_from_no_picture() -> None:
    """Its code is empty_file."""
    with pytest.raises(EmptyFile):
        decode(b"", InputSpec(64, None), DecodeLimits())
