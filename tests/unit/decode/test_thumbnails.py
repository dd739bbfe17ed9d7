import io

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from support import corpus
from support.turned import LAID_DOWN, exif_of
from taskworker_classifyimage.decode import DecodeLimits, decode
from taskworker_classifyimage.decode.colour import BACKGROUND
from taskworker_classifyimage.input_spec import InputSpec, as_original

SPEC = InputSpec(size=64, crop=0.875)


def thumbnail(encoded: bytes, spec: InputSpec = SPEC) -> npt.NDArray[np.uint8]:
    decoded = decode(encoded, spec, DecodeLimits(), thumbnail=True)
    assert decoded.pixels.shape == (64, 64, 3)
    assert decoded.thumbnail is not None
    assert decoded.thumbnail.dtype == np.uint8
    return decoded.thumbnail


def save(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def halves(width: int, height: int) -> Image.Image:
    """Red above, blue below."""
    image = Image.new("RGB", (width, height), "blue")
    image.paste("red", (0, 0, width, height // 2))
    return image


@pytest.mark.parametrize(
    ("sides", "shape"),
    [
        ((400, 200), (48, 96, 3)),
        ((200, 400), (96, 48, 3)),
        ((40, 20), (20, 40, 3)),
        ((1, 1), (1, 1, 3)),
        ((5000, 3), (1, 96, 3)),
    ],
)
def test_a_thumbnail_shows_the_whole_picture_and_is_never_enlarged(
    sides: tuple[int, int], shape: tuple[int, ...]
) -> None:
    assert thumbnail(save(Image.new("RGB", sides))).shape == shape


@pytest.mark.parametrize("orientation", LAID_DOWN)
def test_a_thumbnail_is_upright(orientation: int) -> None:
    image = halves(200, 100)
    turn = LAID_DOWN[orientation]
    stored = image if turn is None else image.transpose(turn)
    small = thumbnail(save(stored, "JPEG", exif=exif_of(orientation), quality=95))
    assert small.shape == (48, 96, 3)
    assert small[5, 48, 0] > 200 > 60 > small[5, 48, 2]
    assert small[-5, 48, 2] > 200 > 60 > small[-5, 48, 0]


@pytest.mark.parametrize("mode", ["L", "P", "1", "LA", "RGBA", "CMYK", "I;16"])
def test_a_thumbnail_is_rgb_whatever_the_picture_is(mode: str) -> None:
    image = halves(200, 100)
    image = image.convert("L").convert(mode) if mode == "I;16" else image.convert(mode)
    kind = "TIFF" if mode == "CMYK" else "PNG"
    assert thumbnail(save(image, kind)).shape == (48, 96, 3)


def test_where_a_picture_is_transparent_or_missing_the_background_shows() -> None:
    image = halves(200, 100).convert("RGBA")
    image.putalpha(Image.new("L", (200, 100), 0))
    assert (thumbnail(save(image)) == BACKGROUND).all()
    whole = save(Image.effect_noise((200, 400), 90))
    small = thumbnail(whole[: len(whole) // 2])
    assert (small[-5] == BACKGROUND).all()
    assert not (small[5] == BACKGROUND).all()


@pytest.mark.parametrize("name", corpus.names())
def test_every_format_has_thumbnails(name: str) -> None:
    """They show the whole picture, with its sides and in the colours that the network gets."""
    encoded = corpus.encoded(name)
    decoded = decode(encoded, InputSpec(size=64, crop=1.0), DecodeLimits(), thumbnail=True)
    facts, small = decoded.facts, decoded.thumbnail
    assert small is not None
    height, width, _ = small.shape
    side, top, left = min(height, width), max(0, height - width) // 2, max(0, width - height) // 2
    centre = small[top : top + side, left : left + side].mean((0, 1))
    assert centre == pytest.approx(decoded.pixels.mean((0, 1)), abs=1)
    sides = facts.width, facts.height
    expected = [max(1, round(each * min(1, 96 / max(sides)))) for each in sides]
    assert sorted((width, height)) == pytest.approx(sorted(expected), abs=1)


def test_a_picture_that_is_prepared_as_the_original_did_has_one_too() -> None:
    small = thumbnail(save(halves(200, 100)), as_original(SPEC))
    assert small.shape == (48, 96, 3)


def test_without_the_wish_there_is_none() -> None:
    assert decode(save(halves(20, 20)), SPEC, DecodeLimits()).thumbnail is None
