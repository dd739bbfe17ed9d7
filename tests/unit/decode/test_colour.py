import tracemalloc

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms

from support import corpus
from taskworker_classifyimage.decode import Decoded, DecodeLimits, decode
from taskworker_classifyimage.decode.colour import to_srgb
from taskworker_classifyimage.input_spec import InputSpec

SPEC = InputSpec(size=64, crop=0.875)


#: White point and primaries of Display P3 and of Adobe RGB (1998), by their specifications, adapted
#: to D50 as ICC profiles hold them (columns of the matrix to XYZ).
PRIMARIES = {
    "Display P3": ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841)),
    "Adobe RGB": ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446)),
}


def profile(name: str, gamma: float = 2.2) -> bytes:
    """An ICC profile of version 2: three primaries and one gamma (ICC.1:2001-04)."""

    def fixed(*values: float) -> bytes:
        return b"".join(round(value * 65536).to_bytes(4, "big", signed=True) for value in values)

    curve = (
        b"curv"
        + bytes(4)
        + (1).to_bytes(4, "big")
        + round(gamma * 256).to_bytes(2, "big")
        + b"\0\0"
    )
    tags = {b"wtpt": b"XYZ " + bytes(4) + fixed(0.9642, 1.0, 0.8249)}
    for channel, column in zip("rgb", PRIMARIES[name], strict=True):
        tags[f"{channel}XYZ".encode()] = b"XYZ " + bytes(4) + fixed(*column)
        tags[f"{channel}TRC".encode()] = curve
    text = name.encode() + b"\0"
    tags[b"desc"] = b"desc" + bytes(4) + len(text).to_bytes(4, "big") + text.ljust(80, b"\0")
    tags[b"cprt"] = b"text" + bytes(4) + b"none\0\0\0\0"
    table, content, at = b"", b"", 132 + 12 * len(tags)
    for key, value in tags.items():
        table += key + at.to_bytes(4, "big") + len(value).to_bytes(4, "big")
        content += value
        at += len(value)
    head = bytes(8) + b"\x02\x40\0\0mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(28)
    head = head + fixed(0.9642, 1.0, 0.8249) + bytes(48)
    whole = head[:128].ljust(128, b"\0") + len(tags).to_bytes(4, "big") + table + content
    return len(whole).to_bytes(4, "big") + whole[4:]


def colour(decoded: Decoded) -> npt.NDArray[np.int16]:
    """The mean colour of a picture that has only one."""
    mean: npt.NDArray[np.float64] = decoded.pixels.reshape(-1, 3).mean(axis=0)
    return mean.round().astype(np.int16)


def plain(shade: tuple[int, ...], mode: str = "RGB") -> Image.Image:
    return Image.new(mode, (80, 80), shade)


@pytest.mark.parametrize(
    ("name", "stored", "shown"),
    [
        # By the matrices of CSS Color 4, section 10; both spaces' gammas are near 2.2.
        ("Display P3", (100, 150, 100), (82, 152, 96)),
        ("Adobe RGB", (100, 150, 100), (61, 150, 96)),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "HEIF", "AVIF"])
def test_a_wide_gamut_is_converted(
    kind: str, name: str, stored: tuple[int, ...], shown: tuple[int, ...]
) -> None:
    """Colours of another space become those of a screen, in every format that carries a profile."""
    options = {"lossless": True} if kind == "WEBP" else {}
    encoded = corpus.save(plain(stored), kind, icc_profile=profile(name), **options)
    decoded = decode(encoded, SPEC, DecodeLimits())
    assert np.abs(colour(decoded) - shown).max() <= 6
    assert decoded.facts.warnings == ()


def test_an_srgb_profile_changes_nothing() -> None:
    """Not a single pixel differs."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain_png = corpus.save(corpus.reference(), "PNG")
    with_profile = corpus.save(corpus.reference(), "PNG", icc_profile=srgb)
    expected = decode(plain_png, SPEC, DecodeLimits()).pixels
    assert (decode(with_profile, SPEC, DecodeLimits()).pixels == expected).all()


@pytest.mark.parametrize("broken", [b"nonsense" * 40, profile("Adobe RGB")[:200]])
def test_a_damaged_profile_is_ignored_with_a_warning(broken: bytes) -> None:
    """The picture is decoded without it."""
    encoded = corpus.save(plain((200, 100, 50)), "PNG", icc_profile=broken)
    decoded = decode(encoded, SPEC, DecodeLimits())
    assert colour(decoded).tolist() == [200, 100, 50]
    assert decoded.facts.warnings == ("colour profile ignored: it is damaged",)


def test_a_profile_for_other_colours_is_ignored_with_a_warning() -> None:
    """Here, an RGB profile in a CMYK picture."""
    encoded = corpus.save(plain((0, 0, 0, 0), "CMYK"), "JPEG", icc_profile=profile("Adobe RGB"))
    decoded = decode(encoded, SPEC, DecodeLimits())
    assert decoded.facts.warnings == ("colour profile ignored: it is for RGB, the picture is CMYK",)


def test_huge_profiles_do_not_fill_the_memory() -> None:
    """Valid ones, all different, each with 4 MiB of unused data behind it."""
    sound = profile("Adobe RGB")
    tracemalloc.start()
    try:
        for number in range(8):
            fat = sound + bytes([number]) * 2**22
            image = plain((200, 100, 50))
            rgb, warnings = to_srgb(image, len(fat).to_bytes(4, "big") + fat[4:])
            assert warnings == ()
            assert rgb.getpixel((0, 0)) != (200, 100, 50)
        del fat
        assert tracemalloc.get_traced_memory()[0] < 2**23
    finally:
        tracemalloc.stop()


def test_a_grey_picture_may_carry_the_profile_of_a_colour_picture() -> None:
    """Grey stays grey."""
    encoded = corpus.save(Image.new("L", (80, 80), 90), "JPEG", icc_profile=profile("Display P3"))
    decoded = decode(encoded, SPEC, DecodeLimits())
    shade = colour(decoded)
    assert shade.max() - shade.min() <= 1
    assert decoded.facts.warnings == ()


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "HEIF", "AVIF"])
def test_what_is_hidden_under_transparency_stays_hidden(kind: str) -> None:
    """A transparent picture becomes the background; a half-transparent one half of it."""
    lossless = {"lossless": True} if kind == "WEBP" else {}
    hidden = corpus.save(plain((255, 0, 0, 0), "RGBA"), kind, **lossless)
    assert np.abs(colour(decode(hidden, SPEC, DecodeLimits())) - 127).max() <= 2
    half = corpus.save(plain((255, 0, 0, 128), "RGBA"), kind, **lossless)
    assert np.abs(colour(decode(half, SPEC, DecodeLimits())) - (191, 63, 63)).max() <= 4


def test_a_transparent_colour_of_a_palette_shows_the_background() -> None:
    """In GIF and PNG; the hidden colour does not show."""
    image = Image.new("P", (80, 80), 1)
    image.putpalette([0, 0, 0, 255, 0, 0])
    for kind in ("GIF", "PNG"):
        encoded = corpus.save(image, kind, transparency=1)
        assert (decode(encoded, SPEC, DecodeLimits()).pixels == 127).all()


def test_a_dark_picture_of_16_bits_stays_dark() -> None:
    """Whatever its lightest pixel is: the format states what white is."""
    dark = Image.fromarray(np.full((80, 80), 0x0A00, np.uint16))
    for kind in ("PNG", "TIFF", "PPM"):
        assert colour(decode(corpus.save(dark, kind), SPEC, DecodeLimits())).tolist() == [10] * 3


def test_a_profile_counts_in_16_bits_as_in_8() -> None:
    """A linear one makes mid-grey lighter."""
    linear = profile("Adobe RGB", gamma=1.0)
    grey = np.full((80, 80), 90, np.uint16)
    narrow = corpus.save(Image.fromarray(grey.astype(np.uint8)), "PNG", icc_profile=linear)
    wide = corpus.save(Image.fromarray(grey * np.uint16(257)), "PNG", icc_profile=linear)
    expected = colour(decode(narrow, SPEC, DecodeLimits()))
    assert expected[0] > 140
    assert colour(decode(wide, SPEC, DecodeLimits())).tolist() == expected.tolist()
