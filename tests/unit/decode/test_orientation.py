import struct

import numpy as np
import pytest
from PIL import Image
from PIL.Image import Transpose

from support import corpus
from support.espresso import Espresso
from taskworker_classifyimage.decode import DecodeLimits, decode
from taskworker_classifyimage.decode.jpeg_xl import read_header
from taskworker_classifyimage.input_spec import InputSpec

SPEC = InputSpec(size=128, crop=0.875)

#: What puts an upright picture into the position that each EXIF orientation describes.
LAID_DOWN = {
    1: None,
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_90,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_270,
}
FORMATS: dict[str, tuple[str, dict[str, object]]] = {
    "JPEG": ("JPEG", {"quality": 95}),
    "TIFF": ("TIFF", {}),
    "TIFF in LZW": ("TIFF", {"compression": "tiff_lzw"}),
    "PNG": ("PNG", {}),
    "WebP": ("WEBP", {"lossless": True}),
    "HEIC": ("HEIF", {"quality": 90}),
    "AVIF": ("AVIF", {"quality": 90}),
}


def exif_of(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def laid_down(orientation: int, kind: str, **options: object) -> bytes:
    turn = LAID_DOWN[orientation]
    image = corpus.reference() if turn is None else corpus.reference().transpose(turn)
    if kind == "TIFF":
        return corpus.save(image, kind, tiffinfo={274: orientation}, **options)
    return corpus.save(image, kind, exif=exif_of(orientation), **options)


@pytest.mark.parametrize("orientation", LAID_DOWN)
@pytest.mark.parametrize("name", FORMATS)
def test_a_turned_picture_is_seen_upright(name: str, orientation: int, espresso: Espresso) -> None:
    """Once and only once: the same pixels, the same answer, and the facts tell what was done."""
    kind, options = FORMATS[name]
    encoded = laid_down(orientation, kind, **options)
    decoded = decode(encoded, SPEC, DecodeLimits())
    upright = decode(laid_down(1, kind, **options), SPEC, DecodeLimits())
    difference = np.abs(decoded.pixels.astype(np.int16) - upright.pixels)
    assert difference.mean() < 2
    assert decoded.facts.orientation == orientation
    stored = (480, 320) if orientation < 5 else (320, 480)
    assert (decoded.facts.width, decoded.facts.height) == stored
    assert espresso.is_seen_in(encoded)


@pytest.mark.parametrize("orientation", LAID_DOWN)
def test_a_raw_files_preview_is_turned_as_the_file_says(orientation: int) -> None:
    """Most previews do not know themselves how the camera was held."""
    turn = LAID_DOWN[orientation]
    image = corpus.reference() if turn is None else corpus.reference().transpose(turn)
    raw = corpus.dng(image, corpus.save(image, "JPEG", quality=95), orientation)
    decoded = decode(raw, SPEC, DecodeLimits())
    upright = decode(corpus.encoded("png_rgb"), SPEC, DecodeLimits())
    assert np.abs(decoded.pixels.astype(np.int16) - upright.pixels).mean() < 3
    assert decoded.facts.orientation == orientation


def test_a_preview_that_says_which_way_up_it_is_is_not_turned_twice() -> None:
    """The RAW file says the same, about its sensor's data."""
    image = corpus.reference().transpose(Transpose.ROTATE_90)
    preview = corpus.save(image, "JPEG", quality=95, exif=exif_of(6))
    decoded = decode(corpus.dng(image, preview, 6), SPEC, DecodeLimits())
    upright = decode(corpus.encoded("png_rgb"), SPEC, DecodeLimits())
    assert np.abs(decoded.pixels.astype(np.int16) - upright.pixels).mean() < 3


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_turns_nothing(orientation: int) -> None:
    """EXIF data is written by anybody."""
    image = corpus.reference()
    for encoded in (
        corpus.save(image, "PNG", exif=exif_of(orientation)),
        corpus.save(image, "TIFF", tiffinfo={274: orientation}),
    ):
        decoded = decode(encoded, SPEC, DecodeLimits())
        assert decoded.facts.orientation == 1
        assert decoded.pixels.shape == (128, 128, 3)


@pytest.mark.parametrize("orientation", LAID_DOWN)
def test_a_jpeg_xl_tells_size_and_orientation_in_its_header(orientation: int) -> None:
    """Written here bit by bit; sizes of any kind, and ratios."""
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
