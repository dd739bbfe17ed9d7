"""Files of kinds that few programs write, all of which show the picture that they are made of."""

import struct
import zlib

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Image

from support.heif_files import Heif, clean_aperture, sequence
from support.tiff_files import (
    BITS,
    COMPRESSION,
    EXTRA,
    LENGTH,
    LONG,
    PHOTOMETRIC,
    ROWS,
    SAMPLES,
    SHORT,
    SUBSAMPLING,
    WIDTH,
    Tags,
    pack,
    write_tiff,
)


def psd_of_runs(image: Image.Image, kind: str = ">u1") -> bytes:
    """Runs of red, green, blue, and of a saved selection."""
    planes = np.moveaxis(np.asarray(image), 2, 0)
    stored = np.concatenate([planes, np.zeros_like(planes[:1])]).astype(kind)
    stored = stored * (257 if kind == ">u2" else 1)
    rows = [
        imagecodecs.packbits_encode(row.astype(kind).tobytes()) for each in stored for row in each
    ]
    bits = 8 * np.dtype(kind).itemsize
    head = b"8BPS" + struct.pack(">H6xHIIHH", 1, 4, image.height, image.width, bits, 3)
    lengths = b"".join(struct.pack(">H", len(row)) for row in rows)
    return head + bytes(12) + b"\0\1" + lengths + b"".join(rows)


def jpeg_2000_wide(image: Image.Image) -> bytes:
    wide = np.asarray(image).astype(np.uint16) << 4
    return bytes(imagecodecs.jpeg2k_encode(wide, level=0, reversible=True, bitspersample=12))


def _tags(image: Image.Image, photometric: int, bits: list[int], compression: int = 1) -> Tags:
    return {
        WIDTH: (LONG, [image.width]),
        LENGTH: (LONG, [image.height]),
        BITS: (SHORT, bits),
        COMPRESSION: (SHORT, [compression]),
        PHOTOMETRIC: (SHORT, [photometric]),
        SAMPLES: (SHORT, [len(bits)]),
        ROWS: (LONG, [image.height]),
    }


def tiff_of_6_bits(image: Image.Image) -> bytes:
    rows = np.asarray(image).reshape(image.height, -1) >> np.uint8(2)
    return write_tiff(_tags(image, 2, [6] * 3), [pack(rows, 6)])


def tiff_ycbcr(image: Image.Image) -> bytes:
    """Two columns share their colours."""
    y, cb, cr = (np.asarray(band) for band in image.convert("YCbCr").split())
    units = np.dstack([y[:, ::2], y[:, 1::2], cb[:, ::2], cr[:, ::2]])
    tags = _tags(image, 6, [8] * 3, compression=5)
    tags[SUBSAMPLING] = SHORT, [2, 1]
    return write_tiff(tags, [bytes(imagecodecs.lzw_encode(units.tobytes()))])


def tiff_cmyk_spot(image: Image.Image) -> bytes:
    inks = np.asarray(image.convert("CMYK"))
    tags = _tags(image, 5, [8] * 5)
    tags[EXTRA] = SHORT, [0]
    return write_tiff(tags, [np.dstack([inks, inks[:, :, 0]]).tobytes()])


def png_of_apple(image: Image.Image) -> bytes:
    pixels = np.asarray(image.convert("RGBA"))[:, :, [2, 1, 0, 3]]
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", image.width, image.height, 8, 6, 0, 0, 0)
    chunks = (
        (b"CgBI", b"\x50\0\x20\2"),
        (b"IHDR", header),
        (b"IDAT", packer.compress(rows) + packer.flush()),
        (b"IEND", b""),
    )
    written = (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(written)


def _words(image: Image.Image) -> npt.NDArray[np.uint16]:
    red, green, blue = (np.asarray(band).astype(np.uint16) for band in image.split())
    words = (red >> 3) << 10 | (green >> 3) << 5 | blue >> 3
    return words.astype(np.uint16)


def bmp_of_fields(image: Image.Image) -> bytes:
    words = _words(image)[::-1]
    head = struct.pack("<IiiHHIIIIII", 40, image.width, image.height, 1, 16, 6, 0, 0, 0, 0, 0)
    masks = struct.pack("<IIII", 0x7C00, 0x3E0, 0x1F, 0)
    return (
        b"BM" + struct.pack("<IHHI", 70 + words.nbytes, 0, 0, 70) + head + masks + words.tobytes()
    )


def bmp_of_runs(image: Image.Image) -> bytes:
    palette = image.quantize(256)
    shades = np.array(palette.getpalette(), np.uint8).reshape(-1, 3)[:, ::-1]
    colours = np.zeros((256, 4), np.uint8)
    colours[: len(shades), :3] = shades
    runs = b"".join(
        b"".join(bytes((1, value)) for value in row) + b"\0\0" for row in np.asarray(palette)[::-1]
    )
    head = struct.pack("<IiiHHIIIIII", 40, image.width, image.height, 1, 8, 1, 0, 0, 0, 256, 0)
    start = 14 + 40 + 1024
    return (
        b"BM" + struct.pack("<IHHI", start, 0, 0, start) + head + colours.tobytes() + runs + b"\0\1"
    )


def pcx_of_4_bits(image: Image.Image) -> bytes:
    palette = image.quantize(16)
    header = bytearray(128)
    header[:4] = 10, 5, 1, 4
    struct.pack_into("<HHHH", header, 4, 0, 0, image.width - 1, image.height - 1)
    shades = bytes((palette.getpalette() or [])[:48])
    header[16 : 16 + len(shades)] = shades
    header[65] = 1
    struct.pack_into("<H", header, 66, image.width // 2)
    packed = pack(np.asarray(palette), 4)
    return bytes(header) + b"".join(
        bytes((0xC1, value)) if value >= 0xC0 else bytes((value,)) for value in packed
    )


def tga_of_15_bits(image: Image.Image) -> bytes:
    words = _words(image)
    header = struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, *image.size, 15, 0x20)
    return header + words.tobytes()


def dds_grey(image: Image.Image) -> bytes:
    header = struct.pack("<IIIIIII", 124, 0x1007, image.height, image.width, 0, 0, 0) + bytes(44)
    header += struct.pack("<II4sIIIII", 32, 0x20000, bytes(4), 8, 255, 0, 0, 0) + bytes(20)
    return b"DDS " + header + np.asarray(image.convert("L")).tobytes()


def avif_cropped(encoded: bytes) -> bytes:
    """All of it but a frame of two pixels."""
    file = Heif.of(encoded)
    width, height = struct.unpack(">II", (file.items[0].find_property(b"ispe") or b"")[4:12])
    file.items[0].properties.append(clean_aperture(width - 4, height - 4))
    return file.write()


def heic_sequence(encoded: bytes) -> bytes:
    return sequence(encoded)
