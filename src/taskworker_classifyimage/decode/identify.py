"""Which format a file is in, by its content and never by its name."""

from enum import StrEnum
from typing import Final

from taskworker_classifyimage.decode.boxes import brands
from taskworker_classifyimage.decode.tiff import is_camera_raw
from taskworker_classifyimage.errors import EmptyFile, UnsupportedFormat


class Format(StrEnum):
    """What is decoded; the value is the name that a result shows."""

    JPEG = "JPEG"
    PNG = "PNG"
    GIF = "GIF"
    WEBP = "WebP"
    TIFF = "TIFF"
    BMP = "BMP"
    ICO = "ICO"
    CUR = "CUR"
    TGA = "TGA"
    PCX = "PCX"
    PNM = "PNM"
    PSD = "PSD"
    DDS = "DDS"
    JPEG_2000 = "JPEG 2000"
    JPEG_XL = "JPEG XL"
    HEIC = "HEIC"
    AVIF = "AVIF"
    RAW = "camera RAW"


#: What pictures start with; the first that fits wins.
_SIGNATURES: Final = (
    (b"\xff\xd8\xff", Format.JPEG),
    (b"\x89PNG\r\n\x1a\n", Format.PNG),
    (b"GIF87a", Format.GIF),
    (b"GIF89a", Format.GIF),
    (b"BM", Format.BMP),
    (b"8BPS\0\1", Format.PSD),
    (b"DDS ", Format.DDS),
    (b"\xff\x4f\xff\x51", Format.JPEG_2000),
    (b"\0\0\0\x0cjP  \r\n\x87\n", Format.JPEG_2000),
    (b"\xff\x0a", Format.JPEG_XL),
    (b"\0\0\0\x0cJXL \r\n\x87\n", Format.JPEG_XL),
    (b"IIU\0", Format.RAW),  # Panasonic
    (b"IIRO", Format.RAW),  # Olympus
    (b"IIRS", Format.RAW),
    (b"MMOR", Format.RAW),
    (b"FUJIFILMCCD-RAW", Format.RAW),
    (b"FOVb", Format.RAW),  # Sigma
    (b"\0MRM", Format.RAW),  # Minolta
    (b"II\x1a\0\0\0HEAPCCDR", Format.RAW),  # Canon before 2004
)

#: What files start with that are no picture, or one that is not decoded.
_REFUSED: Final = (
    (b"%PDF-", "a PDF document"),
    (b"%!PS", "a PostScript drawing"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript drawing"),
    (b"\xd7\xcd\xc6\x9a", "a WMF drawing"),
    (b"\x01\0\x09\0\0\3", "a WMF drawing"),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
    (b"0&\xb2u\x8ef\xcf\x11", "a Windows Media file"),
    (b"FLV\1", "a Flash video"),
    (b"OggS", "an Ogg file"),
    (b"\0\0\1\xba", "an MPEG video"),
    (b"\0\0\1\xb3", "an MPEG video"),
    (b"II\xbc\1", "a JPEG XR picture, which is not decoded"),
    (b"8BPS\0\2", "a PSB, Photoshop's format for huge pictures, which is not decoded"),
    (b"P7\n", "a PAM picture, which is not decoded"),
    (b"PF\n", "a PFM picture in colour, which is not decoded"),
    (b"AT&TFORM", "a DjVu document"),
    (b"PK\3\4", "a ZIP archive or an office document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an office document of Microsoft's old kind"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"Rar!\x1a\7", "a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"MZ", "a Windows program"),
    (b"\x7fELF", "a Linux program"),
    (b"ID3", "an MP3 sound"),
)

_HEIC_BRANDS: Final = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_AVIF_BRANDS: Final = {b"avif", b"avis"}


def identify(encoded: bytes) -> Format:
    """The format of a file.

    Raises:
        EmptyFile: it has no bytes.
        UnsupportedFormat: it is no picture, or one that is not decoded; the message names it.
    """
    if not encoded:
        raise EmptyFile("the file has no bytes")
    found = (
        next((kind for magic, kind in _SIGNATURES if encoded.startswith(magic)), None)
        or _by_tiff_header(encoded)
        or _by_container(encoded)
        or _by_loose_header(encoded[:64])
    )
    if found is None:
        what = _refused(encoded)
        raise UnsupportedFormat(
            f"the file is {what}, not a picture that can be classified"
            if what
            else "the file is no picture, or one in a format that is not decoded"
        )
    return found


def _by_tiff_header(encoded: bytes) -> Format | None:
    if not encoded.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return None
    return Format.RAW if is_camera_raw(encoded) else Format.TIFF


def _by_container(encoded: bytes) -> Format | None:
    if encoded.startswith(b"RIFF") and encoded[8:12] == b"WEBP":
        return Format.WEBP
    names = brands(encoded)
    if not names:
        return None
    # A general brand such as "mif1" comes first in some; what is inside follows.
    for name in names:
        if name in _AVIF_BRANDS:
            return Format.AVIF
        if name in _HEIC_BRANDS:
            return Format.HEIC
    if names[0] in (b"mif1", b"msf1"):
        return Format.HEIC
    return Format.RAW if names[0] == b"crx " else None


def _by_loose_header(head: bytes) -> Format | None:
    """Formats that start with next to nothing of their own; each field has to be plausible."""
    if len(head) > 2 and head[:1] == b"P" and head[1:2] in b"123456f" and head[2:3] in b" \t\r\n#":
        return Format.PNM
    if head[:1] == b"\x0a" and head[1:2] in b"\0\2\3\4\5" and head[2:3] == b"\1":
        return Format.PCX
    if head[:4] in (b"\0\0\1\0", b"\0\0\2\0") and 0 < int.from_bytes(head[4:6], "little") < 1000:
        return Format.ICO if head[2] == 1 else Format.CUR
    if (
        len(head) >= 18
        and head[1] in (0, 1)
        and head[2] in (1, 2, 3, 9, 10, 11)
        and head[16] in (1, 8, 15, 16, 24, 32)
        and head[17] & 0xC0 == 0
        and (head[1] == 1 or head[3:8] == bytes(5))
        and 0 not in (int.from_bytes(head[12:14], "little"), int.from_bytes(head[14:16], "little"))
    ):
        return Format.TGA
    return None


def _refused(encoded: bytes) -> str | None:
    """What a file is that is not decoded, None if nobody knows."""
    for magic, what in _REFUSED:
        if encoded.startswith(magic):
            return what
    if brands(encoded) or encoded[4:8] in (b"moov", b"mdat", b"wide", b"free"):
        return "an MP4 or QuickTime video"
    if encoded.startswith(b"RIFF"):
        return "an AVI video" if encoded[8:12] == b"AVI " else "a RIFF file such as a sound"
    if encoded.startswith(b"\1\0\0\0") and encoded[40:44] == b" EMF":
        return "an EMF drawing"
    if encoded[:1] == b"G" and encoded[188:189] == b"G" and encoded[376:377] == b"G":
        return "an MPEG transport stream"
    return _refused_text(encoded[:4096].replace(b"\0", b"").lower(), encoded)


def _refused_text(text: bytes, encoded: bytes) -> str | None:
    if not text and not encoded.strip(b"\0"):
        return "nothing but zeros"
    text = text.removeprefix(b"\xef\xbb\xbf").removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff")
    text = text.lstrip()
    if text.startswith((b"<!doctype html", b"<html")):
        return "an HTML page"
    return "an SVG drawing" if text.startswith(b"<") and b"<svg" in text else None
