import struct
from functools import cache

import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest

from support import corpus
from support.espresso import Espresso
from taskworker_classifyimage.decode import DecodeLimits, decode, decoders
from taskworker_classifyimage.decode.format_names import FORMAT_NAMES
from taskworker_classifyimage.decode.formats.registry import FORMATS, recognise
from taskworker_classifyimage.errors import UnsupportedFormat
from taskworker_classifyimage.input_spec import InputSpec

SPEC = InputSpec(size=128, crop=0.875)
#: A model sees little in a smaller one once an encoder has lost some of it.
WIDTH = 480


#: Mean difference of a pixel from the reference, of 255: for lossy encodings, and for those that
#: lose much by what they are.
TOLERANCE = 4


WIDE = {"png_4_bit": 12, "pcx_4_bit": 12, "avif_cropped": 8, "raw_dng_developed": 16}


NAMES = {
    "jpeg": "JPEG",
    "png": "PNG",
    "gif": "GIF",
    "webp": "WebP",
    "tiff": "TIFF",
    "bmp": "BMP",
    "ico": "ICO",
    "cur": "CUR",
    "tga": "TGA",
    "pcx": "PCX",
    "pbm": "PNM",
    "pgm": "PNM",
    "ppm": "PNM",
    "pfm": "PNM",
    "psd": "PSD",
    "dds": "DDS",
    "jpeg_2000": "JPEG 2000",
    "jpeg_xl": "JPEG XL",
    "heic": "HEIC",
    "avif": "AVIF",
    "raw": "camera RAW",
}


def format_of(name: str) -> str:
    return NAMES[max((prefix for prefix in NAMES if name.startswith(prefix)), key=len)]


@cache
def expected(is_grey: bool) -> npt.NDArray[np.uint8]:
    """The reference as decoded from a lossless file, (128, 128, 3)."""
    reference = corpus.reference(WIDTH).convert("L") if is_grey else corpus.reference(WIDTH)
    return decode(corpus.save(reference, "PNG"), SPEC, DecodeLimits()).pixels


@pytest.mark.parametrize("name", corpus.names())
def test_every_kind_shows_the_same_picture(name: str, espresso: Espresso) -> None:
    """It is recognised, looks like the reference within a tolerance, and is classified like it."""
    encoded = corpus.encoded(name, WIDTH)
    decoded = decode(encoded, SPEC, DecodeLimits())
    difference = np.abs(decoded.pixels.astype(np.int16) - expected(corpus.is_grey(name))).mean()
    assert difference < WIDE.get(name, TOLERANCE)
    assert decoded.facts.format == format_of(name)
    assert espresso.is_seen_in(encoded)


def test_the_corpus_has_a_file_of_every_format() -> None:
    """The corpus covers all formats."""
    assert {format_of(name) for name in corpus.names()} == set(NAMES.values())
    assert {kind.name for kind in FORMATS} == set(NAMES.values())


def test_the_facts_tell_what_decoded() -> None:
    """Library and version are stated."""
    facts = decode(corpus.encoded("jpeg_baseline", WIDTH), SPEC, DecodeLimits()).facts
    assert (facts.format, facts.width, facts.height, facts.warnings) == ("JPEG", 480, 320, ())
    assert facts.decoder.startswith("Pillow ")
    assert "libjpeg-turbo" in facts.decoder
    facts = decode(corpus.encoded("heic"), SPEC, DecodeLimits()).facts
    assert facts.decoder.startswith("pillow-heif ")


def test_an_animation_shows_its_first_frame() -> None:
    """The later frames are turned, so the pixels differ."""
    first = decode(corpus.encoded("png_rgb", WIDTH), SPEC, DecodeLimits()).pixels
    for name in ("png_animated", "gif_animated", "jpeg_xl_animated", "tiff_pages"):
        pixels = decode(corpus.encoded(name, WIDTH), SPEC, DecodeLimits()).pixels
        assert np.abs(pixels.astype(np.int16) - first).mean() < TOLERANCE, name


@pytest.mark.parametrize("name", corpus.names())
def test_every_file_of_the_corpus_is_recognised_by_its_start(name: str) -> None:
    """Its first 1000 bytes are enough."""
    whole = recognise(corpus.encoded(name))
    start = recognise(corpus.encoded(name)[:1000])
    assert start == whole


def test_what_is_listed_is_what_is_decoded() -> None:
    """Every format is listed under a library with its version."""
    listed = {name for decoder in decoders() for name in decoder.formats}
    assert {kind.name for kind in FORMATS} <= listed
    assert all(decoder.version[0].isdigit() for decoder in decoders())


PIXELS = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)


@pytest.mark.parametrize(
    "content",
    [
        imagecodecs.jpeg_encode(PIXELS, bitspersample=12),
        imagecodecs.ljpeg_encode(PIXELS),
        imagecodecs.jpegls_encode(PIXELS.astype(np.uint8)),
        corpus.tiff(PIXELS, "minisblack", compression="jpeg2000"),
        b"DDS "
        + struct.pack("<IIII", 124, 0x1007, 8, 8)
        + bytes(56)
        + struct.pack("<II", 32, 0x80000),
    ],
    ids=["jpeg_12_bit", "jpeg_lossless", "jpeg_ls", "tiff_jpeg_2000", "dds"],
)
def test_a_kind_that_is_not_decoded_is_no_damage(content: bytes) -> None:
    """The file may be intact; another program can show it."""
    with pytest.raises(UnsupportedFormat, match="of a kind that is not decoded"):
        decode(bytes(content) + bytes(100), InputSpec(64, None), DecodeLimits())


def test_the_list_of_names_is_that_of_the_formats() -> None:
    assert frozenset(kind.name for kind in FORMATS) == FORMAT_NAMES
