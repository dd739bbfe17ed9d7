import io
import struct
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from support import corpus
from support.heif_files import box
from taskworker_classifyimage.decode import Decoded, DecodeLimits, decode
from taskworker_classifyimage.decode.jpeg_2000_header import read_header
from taskworker_classifyimage.errors import DamagedPicture, UnsupportedFormat
from taskworker_classifyimage.input_spec import InputSpec

SPEC = InputSpec(size=160, crop=None)
SRGB, CMYK, SYCC, ESYCC = 16, 12, 18, 24
COLOUR, ALPHA, UNKNOWN = 0, 1, 65535


def read(encoded: bytes) -> Decoded:
    return decode(encoded, SPEC, DecodeLimits())


def difference(found: Decoded, image: Image.Image) -> float:
    expected = read(corpus.save(image, "PNG")).pixels
    return float(np.abs(found.pixels.astype(np.int16) - expected).mean())


def codestream(pixels: npt.NDArray[Any], bits: int) -> bytes:
    """Lossless; (H, W) or (H, W, C), without a transform of colours."""
    return bytes(
        imagecodecs.jpeg2k_encode(
            pixels,
            level=0,
            codecformat="j2k",
            reversible=True,
            bitspersample=bits,
            mct=False,
            resolutions=3,
        )
    )


def jp2(stream: bytes, space: int, channels: list[tuple[int, int, int]] | None = None) -> bytes:
    """In a file with a colour space and, if wanted, with what its channels are."""
    found = read_header(stream)
    bits = found.components[0].bits - 1
    size = struct.pack(">IIHBBBB", found.height, found.width, len(found.components), bits, 7, 0, 0)
    header = box(b"ihdr", size) + box(b"colr", struct.pack(">BBBI", 1, 0, 0, space))
    if channels is not None:
        fields = b"".join(struct.pack(">HHH", *each) for each in channels)
        header += box(b"cdef", struct.pack(">H", len(channels)) + fields)
    head = box(b"jP  ", b"\r\n\x87\n") + box(b"ftyp", b"jp2 \0\0\0\0jp2 ")
    return head + box(b"jp2h", header) + box(b"jp2c", stream)


def of_components(planes: list[npt.NDArray[np.uint8]], steps: list[int]) -> bytes:
    """Components of different sizes: their packets one component after the other (CPRL)."""
    parts = [codestream(plane, 8) for plane in planes]
    first = parts[0]
    start = first.index(b"\xff\x90")
    bodies = []
    for part in parts:
        at = part.index(b"\xff\x93") + 2
        bodies.append(part[at:-2])
    head = bytearray(first[:start])
    size = head.index(b"\xff\x51")
    sizes = b"".join(struct.pack("BBB", 7, step, step) for step in steps)
    count = len(planes)
    segment = struct.pack(">H", 38 + 3 * count) + head[size + 4 : size + 38]
    segment += struct.pack(">H", count) + sizes
    head[size + 2 : size + 2 + int.from_bytes(head[size + 2 : size + 4], "big")] = segment
    coding = head.index(b"\xff\x52")
    head[coding + 5] = 4
    body = b"".join(bodies)
    tile = b"\xff\x90" + struct.pack(">HHIBB", 10, 0, len(body) + 14, 0, 1) + b"\xff\x93"
    return bytes(head) + tile + body + b"\xff\xd9"


@pytest.mark.parametrize("bits", [9, 10, 12, 16])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_more_than_8_bits_are_scaled(bits: int, mode: str) -> None:
    """White stays white: Pillow lets such numbers overflow."""
    image = corpus.reference().convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    wide = (np.asarray(image).astype(np.uint32) * ((1 << bits) - 1) // 255).astype(np.uint16)
    found = read(codestream(wide, bits))
    assert difference(found, image) < 1.5
    assert found.facts.format == "JPEG 2000"


@pytest.mark.parametrize("chroma", [1, 2])
def test_brightness_and_colours_of_different_sizes(chroma: int) -> None:
    """YCC 4:4:4 and 4:2:0."""
    bands = corpus.reference().convert("YCbCr").split()
    small = [band.resize((band.width // chroma, band.height // chroma)) for band in bands[1:]]
    planes = [np.asarray(band) for band in (bands[0], *small)]
    encoded = jp2(of_components(planes, [1, chroma, chroma]), SYCC)
    assert difference(read(encoded), corpus.reference()) < 3


def test_components_that_are_all_subsampled_are_the_picture() -> None:
    """As the reference grid is finer than any of them."""
    for space, mode in ((SRGB, "RGB"), (SYCC, "YCbCr")):
        small = codestream(np.asarray(corpus.reference().convert(mode)), 8)
        at = small.index(b"\xff\x51") + 4
        fields = [2 * each for each in struct.unpack_from(">8I", small, at + 2)]
        changed = bytearray(small)
        struct.pack_into(">8I", changed, at + 2, *fields)
        for number in range(3):
            changed[at + 37 + 3 * number : at + 39 + 3 * number] = b"\2\2"
        found = read(jp2(bytes(changed), space))
        assert difference(found, corpus.reference()) < 2
        assert (found.facts.width, found.facts.height) == (240, 160)


def test_components_of_sizes_that_no_decoder_aligns_are_named() -> None:
    bands = [np.asarray(band) for band in corpus.reference().split()]
    planes = [*bands[:2], bands[2][::4, ::4], bands[0][::4, ::4]]
    with pytest.raises(UnsupportedFormat, match="different sizes"):
        read(of_components(planes, [1, 1, 4, 4]))


def test_channels_are_what_their_definitions_say() -> None:
    """In any order, with transparency anywhere, or with a channel that is neither."""
    image = corpus.reference().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    red, green, blue, alpha = (np.asarray(band) for band in image.split())
    defined = [(0, COLOUR, 3), (1, COLOUR, 2), (2, COLOUR, 1), (3, ALPHA, 0)]
    found = read(jp2(codestream(np.dstack([blue, green, red, alpha]), 8), SRGB, defined))
    assert difference(found, image) < 1
    defined = [(0, ALPHA, 0), (1, COLOUR, 1), (2, COLOUR, 2), (3, COLOUR, 3)]
    found = read(jp2(codestream(np.dstack([alpha, red, green, blue]), 8), SRGB, defined))
    assert difference(found, image) < 1
    defined = [(0, COLOUR, 1), (1, COLOUR, 2), (2, COLOUR, 3), (3, UNKNOWN, UNKNOWN)]
    found = read(jp2(codestream(np.dstack([red, green, blue, alpha]), 8), SRGB, defined))
    assert difference(found, corpus.reference()) < 1


def test_five_components_show_their_colours() -> None:
    image = np.asarray(corpus.reference())
    five = np.dstack([image, image[:, :, :2]])
    assert difference(read(codestream(five, 8)), corpus.reference()) < 1
    inks = np.asarray(corpus.reference().convert("CMYK"))
    five = np.dstack([inks, np.full_like(inks[:, :, 0], 255)])
    assert difference(read(jp2(codestream(five, 8), CMYK)), corpus.reference()) < 1


@pytest.mark.parametrize(
    ("mode", "space", "bits"),
    [("YCbCr", SYCC, 8), ("YCbCr", ESYCC, 8), ("CMYK", CMYK, 8), ("CMYK", CMYK, 16)],
)
def test_colour_spaces_by_number(mode: str, space: int, bits: int) -> None:
    numbers = np.asarray(corpus.reference().convert(mode))
    if bits == 16:
        numbers = numbers.astype(np.uint16) * 257
    assert difference(read(jp2(codestream(numbers, bits), space)), corpus.reference()) < 2


def test_a_profile_of_a_picture_of_12_bits_counts() -> None:
    wide = (np.asarray(corpus.reference()).astype(np.uint32) * 4095 // 255).astype(np.uint16)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    encoded = jp2(codestream(wide, 12), SRGB)
    old = box(b"colr", struct.pack(">BBBI", 1, 0, 0, SRGB))
    assert encoded.count(old) == 1
    new = box(b"colr", b"\2\0\0" + profile)
    at = encoded.index(b"jp2h") - 4
    length = int.from_bytes(encoded[at : at + 4], "big") + len(new) - len(old)
    encoded = encoded[:at] + struct.pack(">I", length) + encoded[at + 4 :].replace(old, new)
    assert "it is for XYZ" in read(encoded).facts.warnings[0]


def test_a_negative_size_is_damage() -> None:
    """Its right edge lies left of its left one."""
    encoded = bytearray(corpus.encoded("jpeg_2000_bare"))
    at = encoded.index(b"\xff\x51") + 4
    struct.pack_into(">II", encoded, at + 10, 5000, 5000)
    with pytest.raises(DamagedPicture, match="-4760 x -4840"):
        read(bytes(encoded))


def test_half_a_picture_of_16_bits_is_seen_in_less_detail() -> None:
    wide = np.asarray(corpus.reference(480)).astype(np.uint16) * 257
    buffer = io.BytesIO(imagecodecs.jpeg2k_encode(wide, level=40, codecformat="j2k"))
    encoded = buffer.getvalue()
    found = read(encoded[: len(encoded) * 3 // 4])
    assert found.facts.warnings == ("truncated: 75 % decoded, in less detail",)
    assert difference(found, corpus.reference(480)) < 12


@given(st.integers(0, 160), st.binary(max_size=30))
def test_any_bytes_can_be_read_as_a_header(at: int, junk: bytes) -> None:
    whole = corpus.encoded("jpeg_2000")
    try:
        header = read_header(whole[:at] + junk + whole[at + len(junk) :])
    except (ValueError, UnsupportedFormat):
        return
    for stored in range(1, 6):
        assert 0 < header.count_colours(stored) <= stored
        alpha = header.find_alpha(stored)
        assert alpha is None or 0 <= alpha < stored
