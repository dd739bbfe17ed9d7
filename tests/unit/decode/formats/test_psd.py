import struct

import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from support import corpus
from support.turned import exif_of
from taskworker_classifyimage.decode import Decoded, DecodeLimits, decode
from taskworker_classifyimage.errors import DamagedPicture, TaskError, UnsupportedFormat
from taskworker_classifyimage.input_spec import InputSpec

SPEC = InputSpec(size=160, crop=None)
BITMAP, GREY, PALETTE, RGB, CMYK, MULTICHANNEL, DUOTONE, LAB = 0, 1, 2, 3, 4, 7, 8, 9


def psd(
    mode: int,
    planes: npt.NDArray[np.generic],
    *,
    compression: int = 1,
    layers: int = 0,
    wide_layers: int = 0,
    palette: bytes = b"",
    resources: dict[int, bytes] | None = None,
    is_large: bool = False,
    width: int = 0,
    padding: bytes = b"",
) -> bytes:
    """(C, H, W) as they are stored; `layers` is their count, negative for transparency."""
    channels, height, across = planes.shape
    bits = 1 if mode == BITMAP else planes.dtype.itemsize * 8
    found = b"".join(
        struct.pack(">4sHH", b"8BIM", kind, 0)
        + struct.pack(">I", len(value))
        + value
        + b"\0" * (len(value) & 1)
        for kind, value in (resources or {}).items()
    )
    form = "Q" if is_large else "I"
    info = struct.pack(f">{form}h", 2, layers) if layers else struct.pack(f">{form}", 0)
    if wide_layers:
        info += bytes(4) + b"8BIMLr16" + struct.pack(f">{form}h", 2, wide_layers)
    head = b"8BPS" + struct.pack(
        ">H6xHIIHH", 2 if is_large else 1, channels, height, width or across, bits, mode
    )
    head += struct.pack(">I", len(palette)) + palette + struct.pack(">I", len(found)) + found
    head += struct.pack(f">{form}", len(info)) + info + struct.pack(">H", compression)
    swapped = planes.astype(planes.dtype.newbyteorder(">"))
    if compression == 0:
        return head + swapped.tobytes()
    rows = [
        imagecodecs.packbits_encode(row.tobytes()) + padding for plane in swapped for row in plane
    ]
    table = b"".join(struct.pack(">I" if is_large else ">H", len(row)) for row in rows)
    return head + table + b"".join(rows)


def planes_of(image: Image.Image) -> npt.NDArray[np.uint8]:
    pixels = np.asarray(image)
    return pixels[np.newaxis] if pixels.ndim == 2 else np.moveaxis(pixels, 2, 0)


def read(encoded: bytes) -> Decoded:
    return decode(encoded, SPEC, DecodeLimits())


def difference(found: Decoded, image: Image.Image) -> float:
    expected = read(corpus.save(image, "PNG")).pixels
    return float(np.abs(found.pixels.astype(np.int16) - expected).mean())


COLOURS = planes_of(corpus.reference())
SELECTION = np.zeros_like(COLOURS[:1])
SELECTION[:, :, 100:] = 255


@pytest.mark.parametrize("compression", [0, 1])
@pytest.mark.parametrize("is_large", [False, True])
@pytest.mark.parametrize("layers", [0, 2])
def test_a_saved_selection_is_no_transparency(
    compression: int, is_large: bool, layers: int
) -> None:
    """Whatever channels lie behind the colours, if the count of layers is not negative."""
    for behind in (1, 2, 5):
        planes = np.concatenate([COLOURS, *[SELECTION] * behind])
        found = read(psd(RGB, planes, compression=compression, is_large=is_large, layers=layers))
        assert difference(found, corpus.reference()) == 0


@pytest.mark.parametrize("place", ["layers", "wide_layers"])
def test_a_negative_count_of_layers_means_transparency(place: str) -> None:
    """Also where the layers of a picture of 16 bits have a place of their own."""
    expected = corpus.reference().convert("RGBA")
    expected.putalpha(Image.fromarray(SELECTION[0]))
    planes = np.concatenate([COLOURS, SELECTION, SELECTION])
    if place == "layers":
        found = read(psd(RGB, planes, layers=-2))
    else:
        found = read(psd(RGB, planes.astype(np.uint16) * 257, wide_layers=-2))
    assert difference(found, expected) == 0
    assert (found.pixels[:, :60] == 127).all()


@pytest.mark.parametrize("key", [b"Mtrn", b"Mt16", b"Mt32"])
def test_transparency_may_be_stated_without_layers(key: bytes) -> None:
    """By a block for merged transparency, as Photoshop writes it for one layer."""
    planes = np.concatenate([COLOURS, SELECTION])
    whole = psd(RGB, planes, compression=0)
    at = 26 + 4 + 4
    info = bytes(8) + b"8BIM" + key + bytes(4)
    found = read(whole[:at] + struct.pack(">I", len(info)) + info + whole[at + 8 :])
    expected = corpus.reference().convert("RGBA")
    expected.putalpha(Image.fromarray(SELECTION[0]))
    assert difference(found, expected) == 0


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("compression", [0, 1])
def test_every_mode_shows_its_colours(kind: type[np.generic], compression: int) -> None:
    """Of 8 and 16 bits."""
    image = corpus.reference()
    factor = 257 if kind is np.uint16 else 1
    lab = ImageCms.profileToProfile(
        image, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert lab is not None
    inks = 255 - planes_of(image.convert("CMYK"))
    spot = np.concatenate([inks, SELECTION, SELECTION])
    grey = planes_of(image.convert("L"))
    for mode, planes, expected in (
        (RGB, COLOURS, image),
        (GREY, grey, image.convert("L")),
        (DUOTONE, grey, image.convert("L")),
        (CMYK, inks, image),
        (CMYK, spot, image),
        (MULTICHANNEL, COLOURS, image),
        (LAB, np.stack([np.asarray(band) for band in lab.split()]), image),
    ):
        found = read(psd(mode, planes.astype(kind) * factor, compression=compression))
        assert difference(found, expected) < 2.5, mode


def test_bits_are_black_where_they_are_set() -> None:
    """Photoshop's bitmaps are ink on paper."""
    shades = np.asarray(corpus.reference().convert("1"))
    packed = np.packbits(~shades, axis=1)[np.newaxis]
    found = read(psd(BITMAP, packed, width=shades.shape[1]))
    assert difference(found, Image.fromarray(shades)) == 0


def test_numbers_of_32_bits_are_linear() -> None:
    """0.2 of the light looks half as bright as white."""
    linear = np.full((3, 40, 40), 0.214, np.float32)
    assert np.abs(read(psd(RGB, linear, compression=0)).pixels.astype(int) - 127).max() <= 1


def test_a_palette_may_have_a_transparent_shade() -> None:
    image = corpus.reference().quantize(256)
    palette = np.array(image.getpalette(), np.uint8).reshape(256, 3).T.tobytes()
    found = read(psd(PALETTE, planes_of(image), palette=palette))
    assert difference(found, image.convert("RGB")) == 0
    clear = np.full((1, 40, 40), 7, np.uint8)
    found = read(psd(PALETTE, clear, palette=palette, resources={1047: b"\0\7"}))
    assert (found.pixels == 127).all()


def test_a_transparent_picture_of_inks_shows_the_background() -> None:
    image = corpus.reference()
    planes = np.concatenate([255 - planes_of(image.convert("CMYK")), SELECTION])
    expected = image.convert("RGBA")
    expected.putalpha(Image.fromarray(SELECTION[0]))
    assert difference(read(psd(CMYK, planes, layers=-1)), expected) < 2.5


def test_orientation_and_profile_inside_the_file_count() -> None:
    """Its resources 1058 and 1039."""
    wide = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    lying = corpus.reference().transpose(Image.Transpose.ROTATE_90)
    exif = exif_of(6).removeprefix(b"Exif\0\0")
    found = read(psd(RGB, planes_of(lying), resources={1058: exif, 1039: wide}))
    assert found.facts.orientation == 6
    assert difference(found, corpus.reference()) < 2
    assert found.facts.warnings == ("colour profile ignored: it is for XYZ, the picture is RGB",)


def test_rows_that_are_too_long_are_clipped() -> None:
    assert difference(read(psd(RGB, COLOURS, padding=b"\0\x55")), corpus.reference()) == 0


@pytest.mark.parametrize("compression", [0, 1])
def test_the_rows_that_all_channels_have_are_shown(compression: int) -> None:
    """Colours are stored one behind the other."""
    whole = psd(RGB, COLOURS, compression=compression)
    last = psd(RGB, COLOURS[:2], compression=compression)
    cut = whole[: len(last) + (len(whole) - len(last)) // 2]
    found = read(cut)
    (warning,) = found.facts.warnings
    share = int(warning.split()[1])
    assert 35 <= share <= 65
    expected = read(whole).pixels
    rows = 160 * share // 100 - 4
    assert np.abs(found.pixels[:rows].astype(np.int16) - expected[:rows]).max() < 40
    assert (found.pixels[-40:] == 127).all()
    with pytest.raises(DamagedPicture):
        read(whole[: len(whole) // 2])


def test_a_kind_that_is_not_decoded_is_no_damage() -> None:
    whole = psd(RGB, COLOURS, compression=0)
    at = len(whole) - COLOURS.size - 2
    with pytest.raises(UnsupportedFormat, match="deflated differences"):
        read(whole[:at] + b"\0\3" + whole[at + 2 :])


@given(st.integers(4, 200), st.binary(max_size=30))
def test_any_change_gives_a_picture_or_an_error_for_the_client(at: int, junk: bytes) -> None:
    whole = psd(RGB, COLOURS[:, :20, :20], resources={1039: b"x" * 20})
    try:
        decode(whole[:at] + junk + whole[at + len(junk) :], SPEC, DecodeLimits(pixels=10**6))
    except TaskError:
        return
