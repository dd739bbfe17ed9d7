"""Small files that ask for far more time or memory than a picture is worth."""

import struct
import zlib
from collections.abc import Callable
from functools import cache

from PIL import Image

from support.corpus import png_chunk, save


def png(width: int, height: int, content: bytes = b"\0" * 100) -> bytes:
    """A PNG that says it is that large."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = png_chunk(b"IDAT", zlib.compress(content)) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + body


@cache
def deflated_zeros(gigabytes: int) -> bytes:
    """A zlib stream of that many zeros, made of one stretch of compressed ones over and over."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    stretch = squeeze.compress(bytes(2**24)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    return b"\x78\x9c" + stretch * (gigabytes * 64) + b"\3\0" + b"\0\0\0\1"


def deflate_png() -> bytes:
    """Its 4 GB are its pixels."""
    return _png_of_stream(37837, 37837, deflated_zeros(4))


def deflate_behind_png() -> bytes:
    """Its 4 GB lie behind a picture of 64 x 64."""
    return _png_of_stream(64, 64, deflated_zeros(4))


def deflate_profile_png() -> bytes:
    """Its 4 GB are its colour profile and its remarks."""
    whole = png(64, 64, bytes(64 * 193))
    stream = deflated_zeros(4)
    hidden = png_chunk(b"iCCP", b"p\0\0" + stream) + png_chunk(b"zTXt", b"t\0\0" + stream)
    return whole[:33] + hidden + whole[33:]


def deflate_tiff() -> bytes:
    """One strip of 4 GB, for a picture of 64 x 64."""
    stream = deflated_zeros(4)
    return tiff([(256, 64), (257, 64), (278, 64), (259, 8)], stream)


def tiff(changes: list[tuple[int, int]], strip: bytes, following: int = 0) -> bytes:
    """A grey TIFF of one strip."""
    tags = {256: 64, 257: 64, 258: 8, 259: 1, 262: 1, 273: 0, 277: 1, 278: 64, 279: len(strip)}
    tags.update(changes)
    tags[273] = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, tags[tag]) for tag in sorted(tags))
    head = b"II*\0" + struct.pack("<IH", 8, len(tags))
    return head + entries + struct.pack("<I", following) + strip


def jpeg() -> bytes:
    """A JPEG of 65500 x 65500 with next to no data."""
    small = save(Image.new("RGB", (64, 64)), "JPEG")
    at = small.index(b"\xff\xc0")
    return small[: at + 5] + struct.pack(">HH", 65500, 65500) + small[at + 9 :]


def cyclic_tiff() -> bytes:
    """Each of its 1000 directories leads back to the first, none has a picture."""
    directories = b"".join(
        struct.pack("<HHHIII", 1, 330, 4, 1, 8 + 18 * (number * 7 % 1000), 8 + 18 * (number + 1))
        for number in range(999)
    )
    return (
        b"II*\0" + struct.pack("<I", 8) + directories + struct.pack("<HHHIII", 1, 330, 4, 1, 8, 8)
    )


def tile_tiff() -> bytes:
    """64 x 64 pixels in one tile of 65536 x 65536."""
    return tiff([(322, 65536), (323, 65536), (324, 200), (325, 1000)], bytes(1000))


def gif_of_frames(frames: int = 100_000) -> bytes:
    """A GIF of many frames, each of one pixel."""
    whole = save(Image.new("P", (1, 1)), "GIF")
    start, end = whole.index(b","), len(whole) - 1
    return whole[:start] + whole[start:end] * frames + b";"


def gif_canvas() -> bytes:
    """One pixel on a canvas of 65535 x 65535."""
    whole = save(Image.new("P", (1, 1)), "GIF")
    return whole[:6] + struct.pack("<HH", 65535, 65535) + whole[10:]


def webp_canvas() -> bytes:
    """An animated WebP's canvas of 2^24 x 2^24."""
    images = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    whole = save(images[0], "WEBP", save_all=True, append_images=images[1:])
    return whole[:24] + b"\xff" * 6 + whole[30:]


def avif_grid() -> bytes:
    """256 x 256 cells, all of them the same one of 512 x 512."""
    return _grid(save(Image.new("RGB", (512, 512), "red"), "AVIF"))


def heic_grid() -> bytes:
    """The same in HEIC."""
    return _grid(save(Image.new("RGB", (512, 512), "red"), "HEIF"))


def icon() -> bytes:
    """An icon of 16 x 16 that holds a PNG of 30000 x 30000."""
    content = png(30000, 30000)
    entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(content), 22)
    return b"\0\0\1\0\1\0" + entry + content


def jpeg_xl() -> bytes:
    """2^30 x 2^30 pixels by its header."""
    value = 0 | 3 << 1 | (2**30 - 1) << 3 | 0 << 33 | 3 << 36 | (2**30 - 1) << 38
    return b"\xff\x0a" + value.to_bytes(12, "little") + bytes(100)


def jpeg_2000() -> bytes:
    """2^31 x 2^31 pixels by its header."""
    whole = save(Image.new("RGB", (64, 64)), "JPEG2000", no_jp2=True)
    at = whole.index(b"\xff\x51")
    return whole[: at + 6] + struct.pack(">II", 2**31 - 1, 2**31 - 1) + whole[at + 14 :]


def _png_of_stream(width: int, height: int, stream: bytes) -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", stream) + png_chunk(b"IEND", b"")


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def _full_box(kind: bytes, content: bytes, version: int = 0, flags: int = 0) -> bytes:
    return _box(kind, struct.pack(">I", version << 24 | flags) + content)


def _grid(whole: bytes) -> bytes:
    """A file of one picture to a file whose picture is a grid of it (ISO/IEC 23008-12, 6.6.2.3)."""
    codec = b"av01" if b"av01" in whole[:1000] else b"hvc1"
    settings = whole.index(b"av1C" if codec == b"av01" else b"hvcC") - 4
    setting = whole[settings : settings + int.from_bytes(whole[settings : settings + 4], "big")]
    media = whole.index(b"mdat") + 4
    cell = whole[media:]
    sides = 256 * 512
    grid = struct.pack(">BBBBII", 0, 1, 255, 255, sides, sides)
    cells = b"".join(struct.pack(">I", 1) for _ in range(65535))

    def entry(number: int, kind: bytes) -> bytes:
        return _full_box(b"infe", struct.pack(">HH", number, 0) + kind + b"\0", version=2)

    properties = _box(
        b"ipco",
        setting
        + _full_box(b"ispe", struct.pack(">II", 512, 512))
        + _full_box(b"ispe", struct.pack(">II", sides, sides))
        + _full_box(b"pixi", b"\3\x08\x08\x08"),
    )
    uses = struct.pack(">IHBBBBHBBB", 2, 1, 3, 0x81, 2, 4, 2, 2, 3, 4)
    head = _box(b"ftyp", (b"avif" if codec == b"av01" else b"heic") + bytes(4) + b"mif1")

    def meta(offset: int) -> bytes:
        places = struct.pack(">BBH", 0x44, 0, 2)
        places += struct.pack(">HHHII", 1, 0, 1, offset + len(grid), len(cell))
        places += struct.pack(">HHHII", 2, 0, 1, offset, len(grid))
        handler = struct.pack(">I", 0) + b"pict" + bytes(13)
        references = struct.pack(">IH", 2, 65535) + cells
        return _full_box(
            b"meta",
            _full_box(b"hdlr", handler)
            + _full_box(b"pitm", struct.pack(">H", 2))
            + _full_box(b"iloc", places)
            + _full_box(b"iinf", struct.pack(">H", 2) + entry(1, codec) + entry(2, b"grid"))
            + _full_box(b"iref", _box(b"dimg", references), version=1)
            + _box(b"iprp", properties + _full_box(b"ipma", uses)),
        )

    offset = len(head) + len(meta(0)) + 8
    return head + meta(offset) + _box(b"mdat", grid + cell)


def raw_of_segments() -> bytes:
    """A thousand starts of a JPEG, each before ever more segments, and never a picture."""
    segment = b"\xff\xe0\0\2"
    return b"FUJIFILMCCD-RAW " + (b"\xff\xd8" + segment * 2000) * 1000


#: Each bomb, and the code that is right; "" for those whose harm is never met on the way to an
#: answer.
BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "PNG of 65535 x 65535": (lambda: png(65535, 65535), "too_large"),
    "PNG of 4 GB deflated": (deflate_png, "too_large"),
    "PNG with 4 GB behind its pixels": (deflate_behind_png, ""),
    "PNG with 4 GB of profile": (deflate_profile_png, ""),
    "TIFF with 4 GB in a strip": (deflate_tiff, ""),
    "JPEG of 65500 x 65500": (jpeg, "too_large"),
    "TIFF of directories in circles": (cyclic_tiff, "damaged"),
    "TIFF of a huge tile": (tile_tiff, "too_large"),
    "GIF of 100000 frames": (gif_of_frames, ""),
    "GIF of a huge canvas": (gif_canvas, "too_large"),
    "WebP of a huge canvas": (webp_canvas, "too_large"),
    "AVIF grid": (avif_grid, "too_large"),
    "HEIC grid": (heic_grid, "too_large"),
    "icon with a huge PNG": (icon, "too_large"),
    "cursor with a huge PNG": (lambda: b"\0\0\2" + icon()[3:], "too_large"),
    "RAW of previews that never start": (raw_of_segments, "damaged"),
    "JPEG XL of 2^30 x 2^30": (jpeg_xl, "too_large"),
    "JPEG 2000 of 2^31 x 2^31": (jpeg_2000, "too_large"),
}


@cache
def bomb(name: str) -> bytes:
    return BOMBS[name][0]()
