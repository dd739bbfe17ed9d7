"""BMP, PCX, TGA and DDS of kinds that few programs write: the colours are right all the same."""

import struct
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from support import corpus
from taskworker_classifyimage.decode import Decoded, DecodeLimits, decode
from taskworker_classifyimage.errors import DamagedPicture, TaskError, UnsupportedFormat
from taskworker_classifyimage.input_spec import InputSpec

# Decoders warn of damaged files; the program silences that where it starts.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

SPEC = InputSpec(size=160, crop=None)
Masks = tuple[int, int, int, int]


def read(encoded: bytes) -> Decoded:
    return decode(encoded, SPEC, DecodeLimits())


def difference(found: Decoded, image: Image.Image) -> float:
    expected = read(corpus.save(image, "PNG")).pixels
    return float(np.abs(found.pixels.astype(np.int16) - expected).mean())


def to_words(image: Image.Image, masks: Masks, bits: int) -> npt.NDArray[Any]:
    """(H, W) numbers whose fields are red, green, blue and alpha."""
    pixels = np.asarray(image.convert("RGBA")).astype(np.uint64)
    words = np.zeros(pixels.shape[:2], np.uint64)
    for at, mask in enumerate(masks):
        if mask:
            shift = (mask & -mask).bit_length() - 1
            words |= np.uint64(shift) * 0 + (
                (pixels[:, :, at] * (mask >> shift) // 255) << np.uint64(shift)
            )
    return words.astype(f"<u{bits // 8}")


def rows_of(stored: npt.NDArray[Any]) -> bytes:
    """Rows padded to four bytes."""
    return b"".join(row.tobytes() + bytes(-row.nbytes % 4) for row in stored)


def bmp(
    pixels: bytes,
    size: tuple[int, int],
    bits: int,
    *,
    compression: int = 0,
    header: int = 40,
    behind: bytes = b"",
    shades: int = 0,
) -> bytes:
    """A BMP whose lowest row comes first, unless the height is negative."""
    if header == 12:
        fields = struct.pack("<IHHHH", 12, *size, 1, bits)
    elif header == 16:
        fields = struct.pack("<IIIHH", 16, *size, 1, bits)
    else:
        fields = struct.pack("<IiiHHIIIIII", 40, *size, 1, bits, compression, 0, 0, 0, shades, 0)
        fields = struct.pack("<I", header) + fields[4:]
    at = 14 + len(fields) + len(behind)
    return b"BM" + struct.pack("<IHHI", at + len(pixels), 0, 0, at) + fields + behind + pixels


@pytest.mark.parametrize(
    ("bits", "masks"),
    [
        (16, (0xF00, 0xF0, 0xF, 0)),
        (16, (0x7C00, 0x3E0, 0x1F, 0)),
        (16, (0xF800, 0x7E0, 0x1F, 0)),
        (16, (0xE000, 0x1C00, 0x3FF, 0)),
        (32, (0xFF, 0xFF00, 0xFF0000, 0)),
        (32, (0x3FF00000, 0xFFC00, 0x3FF, 0)),
        (32, (0xFF000000, 0xFF0000, 0xFF00, 0)),
    ],
)
@pytest.mark.parametrize("height", [160, -160])
def test_any_fields_of_a_bmp(bits: int, masks: Masks, height: int) -> None:
    """Valid, only unknown to most programs."""
    words = to_words(corpus.reference(), masks, bits)
    words = words if height < 0 else words[::-1]
    found = read(
        bmp(
            rows_of(words),
            (240, height),
            bits,
            compression=3,
            behind=struct.pack("<III", *masks[:3]),
        )
    )
    assert difference(found, corpus.reference()) < (18 if masks[0] in (0xF00, 0xE000) else 5)


def test_a_bmp_with_fields_of_alpha() -> None:
    """Compression 6, of Windows CE, and the headers of 56 bytes and more."""
    image = corpus.reference().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    masks = (0xF000, 0xF00, 0xF0, 0xF)
    pixels = rows_of(to_words(image, masks, 16)[::-1])
    behind = struct.pack("<IIII", *masks)
    for header, compression in ((40, 6), (56, 3)):
        found = read(
            bmp(pixels, (240, 160), 16, compression=compression, header=header, behind=behind)
        )
        assert difference(found, image) < 12


@cache
def shades_of(count: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], Image.Image]:
    """(H, W) indices, (N, 3) palette, and what they show."""
    image = corpus.reference().quantize(count, dither=Image.Dither.NONE)
    palette = np.array((image.getpalette() or [])[: 3 * count], np.uint8).reshape(-1, 3)
    return np.asarray(image), palette, image.convert("RGB")


def pack(indices: npt.NDArray[np.uint8], bits: int) -> npt.NDArray[np.uint8]:
    single = (indices[:, :, np.newaxis] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(single.reshape(len(indices), -1).astype(np.uint8), axis=1)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("header", [12, 16, 40, 64])
def test_palettes_of_a_bmp(bits: int, header: int) -> None:
    """Of 2 bits too, and with the headers of OS/2."""
    indices, palette, shown = shades_of(1 << bits)
    colours = np.zeros((1 << bits, 3 if header == 12 else 4), np.uint8)
    colours[: len(palette), :3] = palette[:, ::-1]
    fields = bytes(24) if header == 64 else b""
    encoded = bmp(
        rows_of(pack(indices, bits)[::-1]),
        (240, 160),
        bits,
        header=header,
        behind=fields + colours.tobytes(),
    )
    assert difference(read(encoded), shown) == 0


def test_a_palette_of_more_shades_than_there_are_bits() -> None:
    indices, palette, shown = shades_of(256)
    colours = np.zeros((300, 4), np.uint8)
    colours[: len(palette), :3] = palette[:, ::-1]
    encoded = bmp(rows_of(indices[::-1]), (240, 160), 8, behind=colours.tobytes(), shades=300)
    assert difference(read(encoded), shown) == 0


def runs_of(row: npt.NDArray[np.uint8], extra: int = 0) -> bytes:
    """A row in stretches of 100; `extra` pixels too long."""
    longer = np.concatenate([row, np.full(extra, 1, np.uint8)])
    parts = [longer[at : at + 100] for at in range(0, len(longer), 100)]
    return b"".join(
        bytes((1, part[0])) * len(part)
        if len(part) < 3
        else bytes((0, len(part))) + part.tobytes() + bytes(len(part) % 2)
        for part in parts
    )


@pytest.mark.parametrize("extra", [0, 7])
def test_runs_of_a_bmp_that_are_too_long_are_clipped(extra: int) -> None:
    indices, palette, shown = shades_of(256)
    colours = np.zeros((256, 4), np.uint8)
    colours[: len(palette), :3] = palette[:, ::-1]
    runs = b"".join(runs_of(row, extra) + b"\0\0" for row in indices[::-1]) + b"\0\1"
    whole = bmp(runs, (240, 160), 8, compression=1, behind=colours.tobytes())
    assert read(whole).facts.warnings == ()
    assert difference(read(whole), shown) == 0
    found = read(whole[: len(whole) - len(runs) // 2])
    assert found.facts.warnings[0] in ("truncated: 49 % decoded", "truncated: 50 % decoded")
    assert (found.pixels[:60] == 127).all(), "the lowest row comes first"


def test_runs_of_4_bits_and_jumps() -> None:
    colours = bytes((0, 0, 0, 0)) + bytes((0, 0, 255, 0)) + bytes((255, 0, 0, 0)) + bytes(52)
    runs = bytes((40, 0x12, 0, 0, 40, 0x11, 0, 0, 0, 2, 0, 1, 40, 0x22, 0, 1))
    found = read(bmp(runs, (40, 4), 4, compression=2, behind=colours))
    red, blue = found.pixels[100, :, 0], found.pixels[20, :, 2]
    assert red.min() > 240
    assert blue.min() > 240
    assert found.pixels[60].max() < 20, "the row that was jumped over"


@pytest.mark.parametrize(
    ("compression", "bits", "header", "name"),
    [(4, 0, 40, "JPEG"), (5, 0, 40, "PNG"), (3, 1, 64, "facsimile")],
)
def test_what_a_bmp_holds_that_is_not_decoded_is_named(
    compression: int, bits: int, header: int, name: str
) -> None:
    encoded = bmp(
        b"\xff\xd8\xff", (8, 8), bits, compression=compression, header=header, behind=bytes(24)
    )
    with pytest.raises(UnsupportedFormat, match=name):
        read(encoded)


def pcx(
    rows: list[bytes],
    bits: int,
    planes: int,
    *,
    stride: int,
    palette: bytes = b"",
    behind: bytes = b"",
) -> bytes:
    """Each row of all planes, in runs of one."""
    header = bytearray(128)
    header[:4] = 10, 5, 1, bits
    struct.pack_into("<HHHH", header, 4, 0, 0, 239, 159)
    header[16 : 16 + len(palette)] = palette
    header[65] = planes
    struct.pack_into("<H", header, 66, stride)
    runs = b"".join(
        b"\xc1" + bytes((value,)) if value >= 0xC0 else bytes((value,))
        for row in rows
        for value in row
    )
    return bytes(header) + runs + behind


def test_kinds_of_pcx() -> None:
    """Planes of one bit, indices of 2 and 4 bits, and red, green, blue and alpha."""
    image = corpus.reference().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    pixels = np.asarray(image)
    rows = [pixels[y].T.tobytes() for y in range(160)]
    assert difference(read(pcx(rows, 8, 4, stride=240)), image) == 0
    indices, palette, shown = shades_of(16)
    colours = palette.tobytes()
    rows = [row.tobytes() for row in pack(indices, 4)]
    assert difference(read(pcx(rows, 4, 1, stride=120, palette=colours)), shown) == 0
    for planes in (2, 3, 4):
        indices, palette, shown = shades_of(1 << planes)
        bits = [pack(indices >> np.uint8(plane) & np.uint8(1), 1) for plane in range(planes)]
        rows = [b"".join(plane[y].tobytes() for plane in bits) for y in range(160)]
        assert (
            difference(read(pcx(rows, 1, planes, stride=30, palette=palette.tobytes())), shown) == 0
        )


def test_a_card_of_four_colours() -> None:
    """CGA: the palette is a number, and the background one of 16 colours."""
    row = b"".join(bytes((shade,)) * 15 for shade in (0, 0x55, 0xAA, 0xFF))
    found = read(pcx([row] * 160, 2, 1, stride=60, palette=bytes((0x10, 0, 0, 0x60))))
    shades = [found.pixels[80, at].tolist() for at in (20, 60, 100, 140)]
    assert shades == [[0, 0, 170], [85, 255, 255], [255, 85, 255], [255, 255, 255]]


def test_four_colours_that_the_header_holds() -> None:
    """Instead of the number of a palette."""
    row = b"".join(bytes((shade,)) * 15 for shade in (0, 0x55, 0xAA, 0xFF))
    palette = bytes((0, 0, 0, 0, 255, 255, 255, 0, 255, 255, 255, 255))
    found = read(pcx([row] * 160, 2, 1, stride=60, palette=palette))
    shades = [found.pixels[80, at].tolist() for at in (20, 60, 100, 140)]
    assert shades == [[0, 0, 0], [0, 255, 255], [255, 0, 255], [255, 255, 255]]


def test_absurd_rows_of_a_pcx_are_refused_before_they_take_memory() -> None:
    """By its header, rows may have 65535 bytes in each of 255 planes."""
    whole = pcx([bytes(120)] * 160, 4, 1, stride=120)
    with pytest.raises(DamagedPicture, match="rows have 65535 bytes"):
        read(whole[:66] + b"\xff\xff" + whole[68:])
    with pytest.raises(UnsupportedFormat, match="255 planes of 4 bits"):
        read(whole[:65] + b"\xff" + whole[66:])


def test_rows_of_a_pcx_that_are_too_long_are_clipped() -> None:
    """A run may go on beyond the end of its row."""
    pixels = np.asarray(corpus.reference())
    rows = [pixels[y].T.tobytes() for y in range(160)]
    whole = pcx(rows, 8, 3, stride=240, behind=b"\xff\x00" * 40)
    assert difference(read(whole), corpus.reference()) == 0
    assert read(whole).facts.warnings == ()


def tga(
    kind: int,
    bits: int,
    pixels: bytes,
    *,
    flags: int = 0x20,
    map_bits: int = 0,
    colours: bytes = b"",
) -> bytes:
    count = len(colours) // (-(-map_bits // 8)) if map_bits else 0
    header = struct.pack(
        "<BBBHHBHHHHBB", 0, bool(map_bits), kind, 0, count, map_bits, 0, 0, 240, 160, bits, flags
    )
    return header + colours + pixels


@pytest.mark.parametrize("flags", [0, 0x10, 0x20, 0x30])
@pytest.mark.parametrize("bits", [15, 16])
def test_colours_of_5_bits_in_a_tga(bits: int, flags: int) -> None:
    """Whatever corner comes first; the 16th bit is not transparency."""
    words = to_words(corpus.reference(), (0x7C00, 0x3E0, 0x1F, 0), 16)
    words = words if flags & 0x20 else words[::-1]
    words = words[:, ::-1] if flags & 0x10 else words
    found = read(tga(2, bits, np.ascontiguousarray(words).tobytes(), flags=flags))
    assert difference(found, corpus.reference()) < 5


@pytest.mark.parametrize("map_bits", [15, 16, 24, 32])
def test_palettes_of_a_tga(map_bits: int) -> None:
    indices, palette, shown = shades_of(256)
    image = Image.fromarray(palette[np.newaxis])
    masks = (0x7C00, 0x3E0, 0x1F, 0) if map_bits < 24 else (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    words = to_words(image, masks, 32)
    size = -(-map_bits // 8)
    colours = b"".join(int(word).to_bytes(4, "little")[:size] for word in words[0])
    found = read(tga(1, 8, indices.tobytes(), map_bits=map_bits, colours=colours))
    assert difference(found, shown) < (5 if map_bits < 24 else 0.1)


def test_bits_of_a_palette_that_is_not_there() -> None:
    """Some writers state them all the same."""
    pixels = np.asarray(corpus.reference())[:, :, ::-1]
    whole = tga(2, 24, np.ascontiguousarray(pixels).tobytes())
    assert difference(read(whole[:7] + b"\x18" + whole[8:]), corpus.reference()) == 0


def test_a_transparent_shade_in_the_palette_of_a_tga() -> None:
    """The colour under it does not show."""
    colours = bytes((0, 0, 255, 255, 0, 255, 0, 0))
    indices = np.zeros((160, 240), np.uint8)
    indices[:, 120:] = 1
    found = read(tga(1, 8, indices.tobytes(), map_bits=32, colours=colours))
    assert (found.pixels[:, :70] == (255, 0, 0)).all()
    assert (found.pixels[:, -70:] == 127).all()


def test_runs_of_a_tga_go_on_across_rows_and_beyond_the_end() -> None:
    pixels = np.asarray(corpus.reference())[:, :, ::-1].reshape(-1, 3)
    runs = b"".join(
        bytes((127,)) + pixels[at : at + 128].tobytes() for at in range(0, len(pixels) - 127, 128)
    )
    encoded = tga(10, 24, runs + bytes((255, 9, 9, 9)))
    assert difference(read(encoded), corpus.reference()) == 0
    assert read(encoded).facts.warnings == ()
    found = read(encoded[: len(encoded) * 6 // 10])
    assert found.facts.warnings == ("truncated: 59 % decoded",)


def colour_of_tga(*shade: int) -> list[int]:
    """The mean colour of a decoded TGA of one colour and alpha."""
    encoded = corpus.save(Image.new("RGBA", (80, 80), shade), "TGA")
    pixels = decode(encoded, InputSpec(size=64, crop=0.875), DecodeLimits()).pixels
    mean: list[int] = pixels.reshape(-1, 3).mean(axis=0).round().astype(int).tolist()
    return mean


def test_a_tga_whose_alpha_is_nowhere_has_none() -> None:
    """Programs that know no alpha write 0; the picture is shown, not the background."""
    assert colour_of_tga(200, 100, 50, 0) == [200, 100, 50]
    assert np.abs(np.subtract(colour_of_tga(255, 0, 0, 128), (191, 63, 63))).max() <= 1


def dds(
    pixels: bytes,
    flags: int,
    bits: int,
    masks: Masks,
    *,
    fourcc: bytes = bytes(4),
    number: int | None = None,
) -> bytes:
    header = struct.pack("<IIIIIII", 124, 0x1007, 160, 240, 0, 0, 0) + bytes(44)
    header += struct.pack("<II4sIIIII", 32, flags, fourcc, bits, *masks) + bytes(20)
    extension = b"" if number is None else struct.pack("<IIIII", number, 3, 0, 1, 0)
    return b"DDS " + header + extension + pixels


def test_brightness_in_a_dds_is_grey() -> None:
    """By its flag, as one field that is called red, or as alpha alone; with transparency too."""
    grey = corpus.reference().convert("L")
    single = np.asarray(grey)
    wide = single.astype("<u2") * 257
    for flags, bits, masks, stored in (
        (0x20000, 8, (255, 0, 0, 0), single),
        (0x20000, 16, (65535, 0, 0, 0), wide),
        (0x40, 8, (255, 0, 0, 0), single),
        (2, 8, (0, 0, 0, 255), single),
    ):
        assert difference(read(dds(stored.tobytes(), flags, bits, masks)), grey) == 0
    both = corpus.reference().convert("LA")
    both.putalpha(Image.linear_gradient("L").resize(both.size))
    found = read(dds(np.asarray(both).tobytes(), 0x20001, 16, (255, 0, 0, 0xFF00)))
    assert difference(found, both) == 0


@pytest.mark.parametrize(
    ("number", "masks"),
    [
        (28, (255, 0xFF00, 0xFF0000, 0xFF000000)),
        (87, (0xFF0000, 0xFF00, 255, 0xFF000000)),
        (93, (0xFF0000, 0xFF00, 255, 0)),
    ],
)
def test_plain_pixels_of_a_dds_by_their_number(number: int, masks: Masks) -> None:
    words = to_words(corpus.reference(), masks, 32)
    found = read(dds(words.tobytes(), 4, 0, (0, 0, 0, 0), fourcc=b"DX10", number=number))
    assert difference(found, corpus.reference()) == 0


def test_wide_numbers_of_a_dds() -> None:
    pixels = np.dstack([np.asarray(corpus.reference()), np.full((160, 240), 255, np.uint8)])
    wide, floats = pixels.astype("<u2") * 257, (pixels / 255).astype("<f4")
    for number, stored in ((11, wide), (2, floats), (10, floats.astype("<f2"))):
        encoded = dds(stored.tobytes(), 4, 0, (0, 0, 0, 0), fourcc=b"DX10", number=number)
        assert difference(read(encoded), corpus.reference()) < 1


def test_half_a_dds_shows_what_is_there() -> None:
    words = to_words(corpus.reference(), (0xFF0000, 0xFF00, 255, 0), 32)
    whole = dds(words.tobytes(), 0x40, 32, (0xFF0000, 0xFF00, 255, 0))
    assert read(whole[: 128 + words.nbytes // 2]).facts.warnings == ("truncated: 50 % decoded",)
    with pytest.raises(DamagedPicture):
        read(whole[: 128 + words.nbytes // 10])


@given(st.integers(2, 140), st.binary(max_size=20), st.sampled_from(["bmp", "pcx", "tga", "dds"]))
def test_any_change_gives_a_picture_or_an_error_for_the_client(
    at: int, junk: bytes, kind: str
) -> None:
    indices, palette, _ = shades_of(16)
    small = {
        "bmp": bmp(runs_of(indices[0]), (240, 1), 8, compression=1, behind=bytes(1024)),
        "pcx": pcx(
            [row.tobytes() for row in pack(indices, 4)], 4, 1, stride=120, palette=palette.tobytes()
        ),
        "tga": tga(9, 8, b"\xff\1" * 300, map_bits=16, colours=bytes(32)),
        "dds": dds(indices.tobytes(), 0x20000, 8, (255, 0, 0, 0)),
    }[kind]
    try:
        decode(small[:at] + junk + small[at + len(junk) :], SPEC, DecodeLimits(pixels=10**6))
    except TaskError:
        return
