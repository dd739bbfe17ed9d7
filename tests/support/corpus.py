"""One small file of every kind that is decoded, made of the packaged photograph; always the same.

Each entry is a maker: the reference picture to an encoded file.
"""

import io
import struct
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any, Final

import imagecodecs
import numpy as np
import numpy.typing as npt
import pillow_heif
import tifffile
from PIL import Image

from support import rare_files as rare
from support.photos import ESPRESSO

pillow_heif.register_heif_opener()

Maker = Callable[[Image.Image], bytes | bytearray]

#: Small, since most tests decode every file; a test that looks at parts of a picture wants more.
WIDTH: Final = 240

#: Speed counts more than size here.
_HEVC: dict[str, Any] = {"quality": 80, "enc_params": {"preset": "ultrafast"}}

#: Formats by the way they encode with Pillow: kind, mode, options.
_BY_PILLOW: dict[str, tuple[str, str, dict[str, Any]]] = {
    "jpeg_baseline": ("JPEG", "RGB", {"quality": 90}),
    "jpeg_progressive": ("JPEG", "RGB", {"quality": 90, "progressive": True}),
    "jpeg_grey": ("JPEG", "L", {"quality": 90}),
    "jpeg_cmyk": ("JPEG", "CMYK", {"quality": 90}),
    "jpeg_444": ("JPEG", "RGB", {"quality": 90, "subsampling": "4:4:4"}),
    "jpeg_422": ("JPEG", "RGB", {"quality": 90, "subsampling": "4:2:2"}),
    "jpeg_420": ("JPEG", "RGB", {"quality": 90, "subsampling": "4:2:0"}),
    "png_1_bit": ("PNG", "1", {}),
    "png_grey": ("PNG", "L", {}),
    "png_rgb": ("PNG", "RGB", {}),
    "png_palette": ("PNG", "P", {}),
    "png_alpha": ("PNG", "RGBA", {}),
    "png_grey_alpha": ("PNG", "LA", {}),
    "gif": ("GIF", "P", {}),
    "webp_lossy": ("WEBP", "RGB", {"quality": 90}),
    "webp_lossless": ("WEBP", "RGB", {"lossless": True}),
    "webp_alpha": ("WEBP", "RGBA", {"quality": 90}),
    "tiff_strips": ("TIFF", "RGB", {}),
    "tiff_lzw": ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    "tiff_deflate": ("TIFF", "RGB", {"compression": "tiff_deflate"}),
    "tiff_packbits": ("TIFF", "RGB", {"compression": "packbits"}),
    "tiff_jpeg": ("TIFF", "RGB", {"compression": "jpeg", "quality": 90}),
    "tiff_ccitt_3": ("TIFF", "1", {"compression": "group3"}),
    "tiff_ccitt_4": ("TIFF", "1", {"compression": "group4"}),
    "tiff_cmyk": ("TIFF", "CMYK", {}),
    "tiff_palette": ("TIFF", "P", {}),
    "tiff_lab": ("TIFF", "LAB", {}),
    "bmp": ("BMP", "RGB", {}),
    "bmp_palette": ("BMP", "P", {}),
    "ico_png": ("ICO", "RGB", {"sizes": [(240, 160)]}),
    "ico_bmp": ("ICO", "RGBA", {"sizes": [(240, 160)], "bitmap_format": "bmp"}),
    "tga": ("TGA", "RGB", {}),
    "tga_rle": ("TGA", "RGB", {"compression": "tga_rle"}),
    "pcx": ("PCX", "RGB", {}),
    "pbm": ("PPM", "1", {}),
    "pgm": ("PPM", "L", {}),
    "ppm": ("PPM", "RGB", {}),
    "dds": ("DDS", "RGB", {}),
    "dds_dxt1": ("DDS", "RGB", {"pixel_format": "DXT1"}),
    "jpeg_2000": ("JPEG2000", "RGB", {"quality_mode": "rates", "quality_layers": [4]}),
    "jpeg_2000_lossless": ("JPEG2000", "RGB", {}),
    "jpeg_2000_bare": ("JPEG2000", "RGB", {"no_jp2": True}),
    "heic": ("HEIF", "RGB", _HEVC),
    "heic_alpha": ("HEIF", "RGBA", _HEVC),
    "avif": ("AVIF", "RGB", {"quality": 80, "speed": 9}),
    "avif_alpha": ("AVIF", "RGBA", {"quality": 80, "speed": 9}),
}


@cache
def reference(width: int = WIDTH) -> Image.Image:
    """What every file of the corpus shows, 3 : 2."""
    whole = Image.open(io.BytesIO(ESPRESSO)).convert("RGB")
    return whole.resize((width, width * 2 // 3))


def names() -> list[str]:
    return [*_BY_PILLOW, *_MAKERS]


@cache
def encoded(name: str, width: int = WIDTH) -> bytes:
    """A file of the corpus."""
    image = reference(width)
    if name in _BY_PILLOW:
        kind, mode, options = _BY_PILLOW[name]
        return save(_converted(image, mode), kind, **options)
    return bytes(_MAKERS[name](image))


def save(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def is_grey(name: str) -> bool:
    """Whether a file shows the reference without its colours."""
    return "grey" in name or "1_bit" in name or "ccitt" in name or name in ("pbm", "pgm", "pfm")


def png_chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def adam7(image: Image.Image) -> bytes:
    """A PNG in seven passes (PNG specification, section 8.2)."""
    pixels = np.asarray(image.convert("RGB"))
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2)]
    rows = [
        b"\0" + row.tobytes()
        for top, left, down, across in [*passes, (1, 0, 2, 1)]
        for row in pixels[top::down, left::across]
    ]
    header = struct.pack(">IIBBBBB", image.width, image.height, 8, 2, 0, 0, 1)
    content = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(b"".join(rows)))
    return b"\x89PNG\r\n\x1a\n" + content + png_chunk(b"IEND", b"")


def _converted(image: Image.Image, mode: str) -> Image.Image:
    if mode == "LAB":
        from PIL import ImageCms  # noqa: PLC0415 - for one file

        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        lab = ImageCms.profileToProfile(image, *profiles, outputMode="LAB")
        assert lab is not None
        return lab
    if mode in ("RGBA", "LA"):
        image = image.convert(mode)
        image.putalpha(255)
        return image
    if mode == "1":
        # Dots of black and white are grey from afar only.
        return image.resize((4 * image.width, 4 * image.height)).convert("1")
    return image.quantize(256) if mode == "P" else image.convert(mode)


def _wide(image: Image.Image) -> npt.NDArray[np.uint16]:
    """(H, W, 3) of 16 bits, the whole range used."""
    return np.asarray(image).astype(np.uint16) * np.uint16(257)


def _wide_lab(image: Image.Image) -> npt.NDArray[np.uint16]:
    """(H, W, 3): lightness from 0 to 65535, and two colours around 0 (TIFF 6.0, section 23)."""
    lab = np.asarray(_converted(image, "LAB")).astype(np.uint16)
    return lab * np.array([257, 256, 256], np.uint16)


def _planes(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(H, W, C) to (C, H, W)."""
    return np.ascontiguousarray(np.moveaxis(pixels, 2, 0))


def _tiff_12_bit(image: Image.Image) -> bytes:
    """Two pixels in three bytes, as no library here writes them."""
    pixels = np.asarray(image.convert("L")).astype(np.uint32) * 4095 // 255
    packed = (pixels[:, ::2] << 12 | pixels[:, 1::2])[..., np.newaxis] >> np.array([16, 8, 0])
    encoded = tiff(packed.astype(np.uint8).reshape(image.height, -1), "minisblack")
    for tag, kind, wrong, right in ((256, 4, image.width * 3 // 2, image.width), (258, 3, 8, 12)):
        entry = struct.pack("<HHII", tag, kind, 1, wrong)
        assert encoded.count(entry) == 1
        encoded = encoded.replace(entry, struct.pack("<HHII", tag, kind, 1, right))
    return encoded


def _cmyk(image: Image.Image) -> npt.NDArray[np.uint8]:
    return np.asarray(image.convert("CMYK"))


def tiff(pixels: npt.NDArray[Any], photometric: str = "rgb", **options: Any) -> bytes:
    """Pixels as they are."""
    buffer = io.BytesIO()
    big = bool(options.pop("bigtiff", False))
    order = options.pop("byteorder", "<")
    with tifffile.TiffWriter(buffer, bigtiff=big, byteorder=order) as writer:
        writer.write(pixels, photometric=photometric, **options)
    return buffer.getvalue()


def _pages(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        for turn in range(3):
            writer.write(np.rot90(np.asarray(image), turn), photometric="rgb")
    return buffer.getvalue()


def _animated(kind: str, **options: Any) -> Maker:
    def make(image: Image.Image) -> bytes:
        others = [image.rotate(90), image.rotate(180)]
        return save(image, kind, save_all=True, append_images=others, duration=100, **options)

    return make


def _transparent_gif(image: Image.Image) -> bytes:
    palette = image.quantize(255)
    return save(palette, "GIF", transparency=255)


def _cur(image: Image.Image, bitmap_format: str) -> bytes:
    """An icon of one picture, as a cursor: another number, and a hot spot of (0, 0)."""
    sides = {"sizes": [(240, 160)], "bitmap_format": bitmap_format}
    icon = save(image.convert("RGBA"), "ICO", **sides)
    return icon[:2] + b"\2" + icon[3:10] + bytes(4) + icon[14:]


def _plain_ppm(image: Image.Image) -> bytes:
    numbers = " ".join(str(value) for value in np.asarray(image).ravel())
    return f"P3 # a comment\n{image.width} {image.height}\n255\n{numbers}\n".encode()


def _pfm(image: Image.Image) -> bytes:
    return save(Image.fromarray(np.asarray(image.convert("L")).astype(np.float32) / 255), "PPM")


def _psd(mode: int, planes: npt.NDArray[np.uint8]) -> bytes:
    """Without layers; (C, H, W) planes as they are (Adobe's file format specification)."""
    channels, height, width = planes.shape
    header = b"8BPS" + struct.pack(">H6xHIIHH", 1, channels, height, width, 8, mode)
    return header + bytes(12) + b"\0\0" + planes.tobytes()


def _ycck(image: Image.Image) -> bytes:
    """As Adobe writes them: inverted, and with the marker that says so."""
    inverted = np.ascontiguousarray(255 - _cmyk(image))
    return bytes(imagecodecs.jpeg8_encode(inverted, 90, colorspace="CMYK", outcolorspace="YCCK"))


def _heic_grid(image: Image.Image) -> bytes:
    pillow_heif.options.GRID_TILE_SIZE = 128
    try:
        return save(image, "HEIF", **_HEVC)
    finally:
        pillow_heif.options.GRID_TILE_SIZE = 0


def _heic_10_bit(image: Image.Image) -> bytes:
    file = pillow_heif.from_bytes("RGB;16", image.size, _wide(image).tobytes())
    buffer = io.BytesIO()
    file.save(buffer, **_HEVC)
    return buffer.getvalue()


def dng(image: Image.Image, preview: bytes | None, orientation: int = 1) -> bytes:
    """What a sensor behind a Bayer filter sees of a picture, and the camera's own preview."""
    linear = (np.asarray(image).astype(np.float64) / 255) ** 2.2 * 60000
    mosaic = linear[:, :, 1].copy()
    mosaic[::2, ::2] = linear[::2, ::2, 0]
    mosaic[1::2, 1::2] = linear[1::2, 1::2, 2]
    matrix = [
        int(10000 * value) for value in (3.24, -1.54, -0.5, -0.97, 1.88, 0.04, 0.06, -0.2, 1.06)
    ]
    tags = [
        (50706, "B", 4, bytes((1, 4, 0, 0)), True),
        (271, "s", 0, "Maker", True),
        (274, "H", 1, orientation, True),
        (50708, "s", 0, "Maker Model", True),
        (33421, "H", 2, (2, 2), True),
        (33422, "B", 4, bytes((0, 1, 1, 2)), True),
        (50721, "2i", 9, [part for value in matrix for part in (value, 10000)], True),
        (50728, "2I", 3, (1, 1, 1, 1, 1, 1), True),
        (50778, "H", 1, 21, True),
        (50717, "I", 1, 65535, True),
    ]
    raw = tiff(mosaic.astype(np.uint16), "cfa", extratags=tags)
    return raw + (preview or b"")


def _preview(image: Image.Image) -> bytes:
    """Large enough for any model, as one that is smaller is only used for want of another."""
    return save(image.resize((480, 320)), "JPEG", quality=90)


def _raf(image: Image.Image) -> bytes:
    return b"FUJIFILMCCD-RAW 0201" + bytes(100) + _preview(image) + bytes(1000)


def _cr3(image: Image.Image) -> bytes:
    preview = _preview(image)
    media = struct.pack(">I", len(preview) + 8) + b"mdat" + preview
    return b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + media


_MAKERS: dict[str, Maker] = {
    "jpeg_ycck": _ycck,
    "jpeg_411": lambda image: imagecodecs.jpeg8_encode(np.asarray(image), 90, subsampling="411"),
    "png_4_bit": lambda image: save(image.quantize(16), "PNG", bits=4),
    "png_16_bit_grey": lambda image: save(
        Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257), "PNG"
    ),
    "png_16_bit": lambda image: imagecodecs.png_encode(_wide(image)),
    "png_16_bit_alpha": lambda image: imagecodecs.png_encode(
        np.dstack([_wide(image), np.full((image.height, image.width), 65535, np.uint16)])
    ),
    "png_interlaced": adam7,
    "png_animated": _animated("PNG"),
    "gif_transparent": _transparent_gif,
    "gif_animated": _animated("GIF"),
    "webp_animated": _animated("WEBP", quality=90),
    "tiff_tiles": lambda image: tiff(np.asarray(image), tile=(128, 128)),
    "tiff_pages": _pages,
    "tiff_bigtiff": lambda image: tiff(np.asarray(image), bigtiff=True),
    "tiff_big_endian": lambda image: tiff(np.asarray(image), byteorder=">"),
    "tiff_deflate_front": lambda image: tiff(np.asarray(image), compression="zlib", rowsperstrip=8),
    "tiff_planar": lambda image: tiff(_planes(np.asarray(image)), planarconfig="separate"),
    "tiff_16_bit": lambda image: tiff(_wide(image)),
    "tiff_16_bit_grey": lambda image: tiff(_wide(image.convert("L")), "minisblack"),
    "tiff_32_bit_grey": lambda image: tiff(
        np.asarray(image.convert("L")).astype(np.uint32) * 257, "minisblack"
    ),
    "tiff_float_grey": lambda image: tiff(
        np.asarray(image.convert("L")).astype(np.float32) / 255, "minisblack"
    ),
    "tiff_float": lambda image: tiff(np.asarray(image).astype(np.float32) / 255),
    "tiff_float_deflate": lambda image: tiff(
        np.asarray(image).astype(np.float32) / 255, compression="zlib", predictor=3
    ),
    "tiff_float_planar": lambda image: tiff(
        _planes(np.asarray(image).astype(np.float32) / 255), planarconfig="separate"
    ),
    "tiff_16_bit_planar": lambda image: tiff(_planes(_wide(image)), planarconfig="separate"),
    "tiff_16_bit_grey_inverted": lambda image: tiff(
        65535 - _wide(image.convert("L")), "miniswhite"
    ),
    "tiff_16_bit_lab": lambda image: tiff(_wide_lab(image), "cielab"),
    "tiff_lab_planar": lambda image: tiff(
        _planes(np.asarray(_converted(image, "LAB"))), "cielab", planarconfig="separate"
    ),
    "tiff_12_bit_grey": _tiff_12_bit,
    "tiff_webp": lambda image: tiff(np.asarray(image), compression="webp"),
    "tiff_cmyk_16_bit": lambda image: tiff(_cmyk(image).astype(np.uint16) * 257, "separated"),
    "cur": lambda image: _cur(image, "bmp"),
    "cur_png": lambda image: _cur(image, "png"),
    "ppm_plain": _plain_ppm,
    "pfm": _pfm,
    "psd": lambda image: _psd(3, np.moveaxis(np.asarray(image), 2, 0)),
    "psd_grey": lambda image: _psd(1, np.asarray(image.convert("L"))[np.newaxis]),
    "psd_cmyk": lambda image: _psd(4, 255 - np.moveaxis(_cmyk(image), 2, 0)),
    "jpeg_xl": lambda image: imagecodecs.jpegxl_encode(np.asarray(image), distance=1.0),
    "jpeg_xl_lossless": lambda image: imagecodecs.jpegxl_encode(np.asarray(image), lossless=True),
    "jpeg_xl_grey": lambda image: imagecodecs.jpegxl_encode(np.asarray(image.convert("L"))),
    "jpeg_xl_16_bit": lambda image: imagecodecs.jpegxl_encode(_wide(image)),
    "jpeg_xl_10_bit": lambda image: imagecodecs.jpegxl_encode(_wide(image) >> 6, bitspersample=10),
    "jpeg_xl_12_bit": lambda image: imagecodecs.jpegxl_encode(_wide(image) >> 4, bitspersample=12),
    "jpeg_xl_alpha": lambda image: imagecodecs.jpegxl_encode(
        np.dstack([np.asarray(image), np.full((image.height, image.width), 255, np.uint8)])
    ),
    "jpeg_xl_animated": lambda image: imagecodecs.jpegxl_encode(
        np.stack([np.asarray(image), np.asarray(image)[::-1], np.asarray(image)[:, ::-1]])
    ),
    "jpeg_xl_animated_10_bit": lambda image: imagecodecs.jpegxl_encode(
        np.stack([_wide(image), _wide(image)[::-1]]) >> 6, bitspersample=10
    ),
    "jpeg_xl_container": lambda image: imagecodecs.jpegxl_encode(
        np.asarray(image), usecontainer=True
    ),
    "jpeg_xl_of_jpeg": lambda image: imagecodecs.jpegxl_encode_jpeg(
        save(image, "JPEG", quality=90)
    ),
    "heic_grid": _heic_grid,
    "heic_10_bit": _heic_10_bit,
    "heic_several": _animated("HEIF", **_HEVC),
    "avif_animated": _animated("AVIF", quality=80, speed=9),
    "avif_10_bit": lambda image: imagecodecs.avif_encode(
        np.asarray(image).astype(np.uint16) * 4, 80, bitspersample=10, speed=9
    ),
    "psd_runs": rare.psd_of_runs,
    "psd_16_bit": lambda image: rare.psd_of_runs(image, ">u2"),
    "jpeg_2000_12_bit": rare.jpeg_2000_wide,
    "tiff_6_bit": rare.tiff_of_6_bits,
    "tiff_ycbcr": rare.tiff_ycbcr,
    "tiff_cmyk_spot": rare.tiff_cmyk_spot,
    "png_apple": rare.png_of_apple,
    "bmp_fields": rare.bmp_of_fields,
    "bmp_runs": rare.bmp_of_runs,
    "pcx_4_bit": rare.pcx_of_4_bits,
    "tga_15_bit": rare.tga_of_15_bits,
    "dds_grey": rare.dds_grey,
    "avif_cropped": lambda image: rare.avif_cropped(save(image, "AVIF", quality=80, speed=9)),
    "heic_sequence": lambda image: rare.heic_sequence(save(image, "HEIF", **_HEVC)),
    "raw_dng_preview": lambda image: dng(image, _preview(image)),
    "raw_dng_developed": lambda image: dng(image.resize((960, 640)), None),
    "raw_raf": _raf,
    "raw_cr3": _cr3,
}
