"""The stated share of a truncated picture is correct, and too small a share is refused."""

import io
import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from support import corpus
from taskworker_classifyimage.decode import Decoded, DecodeLimits, decode
from taskworker_classifyimage.decode.decoding import MIN_SHARE
from taskworker_classifyimage.errors import DamagedPicture
from taskworker_classifyimage.input_spec import InputSpec

# Decoders warn of damaged files; the program silences that where it starts.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

#: The whole picture, so that the rows seen are the rows decoded.
SPEC = InputSpec(size=320, crop=None)
#: So large that rows of blocks are small steps.
WIDTH = 480
STEPS = [0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05]
#: Those that are stored row by row, or block by block.
IN_ORDER = [
    "jpeg_baseline",
    "jpeg_444",
    "jpeg_grey",
    "jpeg_cmyk",
    "png_rgb",
    "png_palette",
    "png_16_bit_grey",
    "webp_lossy",
    "webp_lossless",
    "tiff_strips",
    "tiff_deflate_front",
    "tiff_tiles",
    "bmp",
    "tga",
    "pcx",
    "ppm",
    "dds_dxt1",
    "heic",
    "heic_grid",
    "avif",
]
#: Options of each kind for good quality and speed.
OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 90},
    "PNG": {},
    "WEBP": {"quality": 90},
    "HEIF": {"quality": 80, "enc_params": {"preset": "ultrafast"}},
    "AVIF": {"quality": 80, "speed": 9},
}


def stated_share(decoded: Decoded) -> float:
    """The share by the warning, 0 to 1."""
    found = re.search(r"truncated: (\d+) % decoded", "|".join(decoded.facts.warnings))
    assert found is not None, decoded.facts.warnings
    return int(found[1]) / 100


def seen_share(pixels: npt.NDArray[np.uint8], whole: npt.NDArray[np.uint8]) -> float:
    """The share of blocks of 8 x 8 pixels that look like those of the whole picture."""
    difference = np.abs(pixels.astype(np.int16) - whole).mean(axis=2)
    return float((difference.reshape(40, 8, 40, 8).mean(axis=(1, 3)) < 12).mean())


@pytest.mark.parametrize("name", IN_ORDER)
def test_the_stated_share_is_the_share_that_is_seen(name: str) -> None:
    """Within 10 points at every step, and refused below the limit."""
    encoded = corpus.encoded(name, WIDTH)
    whole = decode(encoded, SPEC, DecodeLimits()).pixels
    refused = []
    for step in STEPS:
        try:
            decoded = decode(encoded[: int(len(encoded) * step)], SPEC, DecodeLimits())
        except DamagedPicture:
            refused.append(step)
            continue
        seen = seen_share(decoded.pixels, whole)
        # The lower part is plain saucer: some of it resembles the background.
        assert abs(stated_share(decoded) - seen) < 0.1, (step, seen, decoded.facts.warnings)
        assert stated_share(decoded) >= MIN_SHARE
    # Files begin with headers and tables, so bytes and rows are not quite the same.
    assert max(refused) <= MIN_SHARE + 0.15
    assert {0.1, 0.05} <= set(refused)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF"])
def test_a_plain_ground_is_not_taken_for_what_is_missing(kind: str) -> None:
    """Such as the white page around a photograph."""
    page = Image.new("RGB", (512, 512), "white")
    page.paste(corpus.reference(WIDTH).resize((300, 300)), (100, 100))
    encoded = corpus.save(page, kind, **OPTIONS[kind])
    whole = decode(encoded, SPEC, DecodeLimits()).pixels
    for left in (len(encoded) - 1, len(encoded) * 4 // 5, len(encoded) // 2):
        decoded = decode(encoded[:left], SPEC, DecodeLimits())
        share = stated_share(decoded) if decoded.facts.warnings else 1
        assert abs(share - seen_share(decoded.pixels, whole)) < 0.1, left


@pytest.mark.parametrize("name", ["jpeg_progressive", "jpeg_2000"])
def test_a_picture_in_passes_is_seen_whole_in_less_detail(name: str) -> None:
    """The warning says so."""
    encoded = corpus.encoded(name, WIDTH)
    whole = decode(encoded, SPEC, DecodeLimits()).pixels
    decoded = decode(encoded[: len(encoded) // 2], SPEC, DecodeLimits())
    assert decoded.facts.warnings[0].endswith("% decoded, in less detail")
    assert np.abs(decoded.pixels.astype(np.int16) - whole).mean() < 12


@pytest.mark.parametrize("name", ["png_interlaced", "gif"])
def test_an_interlaced_picture_is_filled_from_what_lies_around(name: str) -> None:
    """Missing pixels between known ones do not become grey."""
    image = corpus.reference(WIDTH)
    # Pillow's GIFs are interlaced unless told otherwise.
    encoded = corpus.adam7(image) if name == "png_interlaced" else corpus.encoded(name, WIDTH)
    whole = decode(encoded, SPEC, DecodeLimits()).pixels
    decoded = decode(encoded[: int(len(encoded) * 0.55)], SPEC, DecodeLimits())
    assert abs(stated_share(decoded) - 0.55) < 0.1
    assert np.abs(decoded.pixels.astype(np.int16) - whole).mean() < 12


def test_the_missing_part_shows_the_background() -> None:
    """It does not show what some decoders fill the rest with."""
    encoded = corpus.encoded("jpeg_baseline", WIDTH)
    pixels = decode(encoded[: len(encoded) // 2], SPEC, DecodeLimits()).pixels
    assert (pixels[-40:] == 127).all()


def test_a_jpeg_that_ends_in_zeros_is_cut_where_they_begin() -> None:
    """Carved files end so; behind the end of an intact file, zeros are ignored."""
    encoded = corpus.encoded("jpeg_baseline", WIDTH)
    cut = encoded[: int(len(encoded) * 0.6)]
    plain = decode(cut, SPEC, DecodeLimits())
    padded = decode(cut + bytes(100_000), SPEC, DecodeLimits())
    assert abs(stated_share(padded) - stated_share(plain)) < 0.02
    assert decode(encoded + bytes(100_000), SPEC, DecodeLimits()).facts.warnings == ()


@pytest.mark.parametrize("name", ["jpeg_baseline", "jpeg_progressive"])
def test_what_lies_behind_a_jpegs_end_does_not_count(name: str) -> None:
    """Here, the rest of an older file, with zeros behind it."""
    encoded = corpus.encoded(name, WIDTH) + b"an older file" + bytes(1000)
    assert decode(encoded, SPEC, DecodeLimits()).facts.warnings == ()


@pytest.mark.parametrize("name", ["jpeg_baseline", "jpeg_cmyk", "jpeg_grey"])
def test_a_jpeg_may_be_cut_in_the_middle_of_a_marker(name: str) -> None:
    """After a byte 255, within the picture or as the last byte but one of the file."""
    encoded = corpus.encoded(name, WIDTH)
    within = encoded.index(b"\xff\0", len(encoded) * 3 // 4) + 1
    assert stated_share(decode(encoded[:within], SPEC, DecodeLimits())) > 0.6
    assert stated_share(decode(encoded[:-1], SPEC, DecodeLimits())) == 1


def test_a_whole_file_has_no_warning() -> None:
    """Nor has one with other bytes behind it."""
    for name in (*IN_ORDER, "jpeg_progressive", "gif", "jpeg_2000", "png_interlaced"):
        encoded = corpus.encoded(name, WIDTH)
        assert decode(encoded, SPEC, DecodeLimits()).facts.warnings == (), name
        assert decode(encoded + b"more" * 100, SPEC, DecodeLimits()).facts.warnings == (), name


def test_a_cut_picture_is_still_turned_upright() -> None:
    """If it is stored lying, the missing part is on the left."""
    exif = Image.Exif()
    exif[0x0112] = 6
    image = corpus.reference(WIDTH).transpose(Image.Transpose.ROTATE_90)
    for encoded in (
        corpus.save(image, "JPEG", quality=90, exif=exif.tobytes()),
        corpus.save(image, "TIFF", tiffinfo={274: 6}),
    ):
        decoded = decode(encoded[: int(len(encoded) * 0.6)], SPEC, DecodeLimits())
        assert decoded.facts.orientation == 6
        whole = decode(encoded, SPEC, DecodeLimits()).pixels
        same = np.abs(decoded.pixels.astype(np.int16) - whole).mean(axis=2) < 24
        # The first row as stored is the right column as seen.
        assert same[:, -150:].mean() > 0.9
        assert (decoded.pixels[:, :60] == 127).all()


def test_a_cut_raw_file_keeps_its_preview() -> None:
    """There is a warning only if the preview itself is cut."""
    raw = corpus.encoded("raw_raf", WIDTH)
    whole = decode(raw[:-500], SPEC, DecodeLimits())
    assert not any("truncated" in warning for warning in whole.facts.warnings)
    cut = decode(raw[: len(raw) // 2], SPEC, DecodeLimits())
    assert stated_share(cut) > 0.3


@pytest.mark.parametrize("name", ["jpeg_xl", "tiff_lzw", "ico_png"])
def test_formats_that_show_no_part_are_damaged(name: str) -> None:
    """Their decoders need the whole file, or their directory is at its end."""
    encoded = corpus.encoded(name, WIDTH)
    with pytest.raises(DamagedPicture):
        decode(encoded[: len(encoded) // 2], SPEC, DecodeLimits())


def test_nothing_but_a_header_is_damaged() -> None:
    """The first 64 bytes of every file of the corpus."""
    for name in corpus.names():
        with pytest.raises(DamagedPicture):
            decode(corpus.encoded(name)[:64], SPEC, DecodeLimits())


def test_half_an_animation_shows_its_first_frame_whole() -> None:
    """Only later frames are missing."""
    encoded = corpus.encoded("gif_animated", WIDTH)
    decoded = decode(encoded[: len(encoded) // 2], SPEC, DecodeLimits())
    with Image.open(io.BytesIO(encoded)) as image:
        expected = np.asarray(image.convert("RGB").resize((320, 320), Image.Resampling.BICUBIC))
    assert np.abs(decoded.pixels.astype(np.int16) - expected).mean() < 2
    assert decoded.facts.warnings == ()
