"""PNG (chunks: PNG specification, section 5)."""

import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from PIL import Image, ImageFile

from taskworker_classifyimage.decode import transfer
from taskworker_classifyimage.decode.formats.base import Format
from taskworker_classifyimage.decode.picture import Picture

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_PIXEL_CHUNKS: Final = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
#: From 2 and 4 bits of grey to 8, by Pillow's names for how they are stored.
_GREY_FACTORS: Final = {"L;2": 85, "L;4": 17}
#: The first chunk of PNGs that Xcode packs for Apple's devices.
_APPLES: Final = b"CgBI"
_MAX_CHUNKS: Final = 10_000
#: Where `open` notes what `correct` has to do.
_IS_APPLES, _CODE_POINTS, _GAMMA = "CgBI", "cICP", "gAMA"
#: The usual gamma, and how much another one differs at least.
_SRGB_GAMMA, _GAMMA_TOLERANCE = 1 / 2.2, 0.05
#: Two sides of an interlaced picture's rows are rounded up seven times.
_PASSES: Final = 7


class Png(Format):
    """PNG, whose metadata may be damaged while its pixels are intact."""

    name = pillow_name = "PNG"
    module = "PIL.PngImagePlugin"
    codec = ("zlib_ng", "zlib-ng")
    signatures = (_SIGNATURE,)

    def sizes(self, encoded: bytes) -> Iterator[tuple[int, int]]:
        """Only what is decompressed when the file is opened."""
        if _is_apples(encoded):
            header = next(
                (content for kind, content in _read_chunks(encoded) if kind == b"IHDR"), b""
            )
            yield int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")

    def opening_bytes(self, encoded: bytes) -> float:
        return 10.0 if _is_apples(encoded) else 0.0

    def loading_bytes(self, image: Image.Image, least_side: float) -> float:
        """Colours are converted before the picture is resized."""
        is_converted = any(name in image.info for name in (_IS_APPLES, _CODE_POINTS, _GAMMA))
        return super().loading_bytes(image, least_side) + (20.0 if is_converted else 0.0)

    def open(self, encoded: bytes) -> Picture:
        is_apples = _is_apples(encoded)
        if is_apples:
            encoded = _to_standard(encoded)
        try:
            picture = super().open(encoded)
        except Exception:  # noqa: BLE001 - damaged metadata raises anything
            picture = super().open(_drop_metadata(encoded))
            picture = replace(picture, warnings=("damaged: decoded without profile and metadata",))
        _widen_transparent_shade(picture.image)
        picture.image.info.update(_read_colours(encoded))
        if is_apples:
            picture.image.info[_IS_APPLES] = True
        return picture

    def correct(self, image: Image.Image) -> Image.Image:
        """Colours that Pillow leaves as they are stored, to sRGB."""
        if _IS_APPLES in image.info:
            return _from_apples(image)
        if (points := image.info.get(_CODE_POINTS)) is not None:
            return transfer.from_numbers(image, points[0], points[1])
        if (gamma := image.info.get(_GAMMA)) is not None:
            return transfer.from_gamma(image, gamma)
        return image


def _read_chunks(encoded: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each chunk."""
    at = len(_SIGNATURE)
    for _ in range(_MAX_CHUNKS):
        if at + 8 > len(encoded):
            return
        end = at + 8 + int.from_bytes(encoded[at : at + 4], "big")
        yield encoded[at + 4 : at + 8], encoded[at + 8 : end]
        at = end + 4


def _read_colours(encoded: bytes) -> dict[str | tuple[int, int], object]:
    """What the file says of its colours, where that matters and nothing else says more."""
    found: dict[bytes, bytes] = {}
    for kind, content in _read_chunks(encoded):
        if kind == b"IDAT":
            break
        found[kind] = content[:4]
    if len(points := found.get(b"cICP", b"")) == 4:
        return {_CODE_POINTS: points}
    if b"gAMA" not in found or b"iCCP" in found or b"sRGB" in found:
        return {}
    gamma = int.from_bytes(found[b"gAMA"], "big") / 100000
    if not 0.1 < gamma < 10 or abs(gamma / _SRGB_GAMMA - 1) < _GAMMA_TOLERANCE:
        return {}
    return {_GAMMA: gamma}


def _is_apples(encoded: bytes) -> bool:
    return encoded.startswith(_APPLES, len(_SIGNATURE) + 4)


def _to_standard(encoded: bytes) -> bytes:
    """Apple's PNG, whose pixels are deflated without a frame, as one with that frame."""
    chunks = [*_read_chunks(encoded)]
    header = next((content for kind, content in chunks if kind == b"IHDR"), b"")
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    most = (4 * width + _PASSES) * (height + _PASSES)
    stream = zlib.decompressobj(-15)
    pixels = stream.decompress(b"".join(c for kind, c in chunks if kind == b"IDAT"), most)
    packer = zlib.compressobj(1)
    # A stream that is cut stays without its end.
    is_whole = stream.eof
    packed = packer.compress(pixels) + packer.flush(
        zlib.Z_FINISH if is_whole else zlib.Z_SYNC_FLUSH
    )
    written = [_SIGNATURE, _chunk(b"IHDR", header)]
    for kind, content in chunks:
        if kind in (b"eXIf", b"gAMA", b"iCCP", b"sRGB"):
            written.append(_chunk(kind, content))
    written.append(_chunk(b"IDAT", packed))
    return b"".join([*written, _chunk(b"IEND", b"") if is_whole else b""])


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content).to_bytes(4, "big")
    return len(content).to_bytes(4, "big") + kind + content + checksum


def _from_apples(image: Image.Image) -> Image.Image:
    """Blue, green and red, multiplied with transparency, to the usual order."""
    if image.mode == "RGB":
        return Image.merge("RGB", image.split()[::-1])
    if image.mode != "RGBA":
        return image
    blue, green, red, alpha = image.split()
    pixels = Image.merge("RGBA", (red, green, blue, alpha)).tobytes()
    return Image.frombytes("RGBa", image.size, pixels).convert("RGBA")


def _drop_metadata(encoded: bytes) -> bytes:
    """Keeps only the chunks that the pixels need, as far as they are there."""
    kept, at = [encoded[: len(_SIGNATURE)]], len(_SIGNATURE)
    while at + 8 <= len(encoded):
        end = at + 12 + int.from_bytes(encoded[at : at + 4], "big")
        if encoded[at + 4 : at + 8] in _PIXEL_CHUNKS:
            kept.append(encoded[at:end])
        at = end
    return b"".join(kept)


def _widen_transparent_shade(image: Image.Image) -> None:
    """Scales the transparent shade of grey to 8 bits, which Pillow does to the pixels alone."""
    shade = image.info.get("transparency")
    if isinstance(image, ImageFile.ImageFile) and image.tile and isinstance(shade, int):
        image.info["transparency"] = shade * _GREY_FACTORS.get(str(image.tile[0].args), 1)
