import gzip
import struct

import imagecodecs
import numpy as np
import pytest
from PIL import AvifImagePlugin

from support import corpus
from taskworker_classifyimage.decode import DecodeLimits, decode, decoders
from taskworker_classifyimage.decode.identify import Format, identify
from taskworker_classifyimage.errors import EmptyFile, UnsupportedFormat
from taskworker_classifyimage.input_spec import InputSpec

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><circle r="9"/></svg>'

REFUSED = {
    "an SVG drawing": [
        SVG,
        b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- a remark -->\n' + SVG,
        b"\xff\xfe" + SVG.decode().encode("utf-16-le"),
    ],
    "a PDF document": [b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"],
    "a PostScript drawing": [b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\xc5\xd0\xd3\xc6" + bytes(40)],
    "an EMF drawing": [b"\1\0\0\0" + bytes(36) + b" EMF" + bytes(60)],
    "a WMF drawing": [b"\xd7\xcd\xc6\x9a" + bytes(40), b"\1\0\x09\0\0\3" + bytes(40)],
    "an MP4 or QuickTime video": [
        struct.pack(">I", 24) + b"ftypisom" + bytes(4) + b"isommp41",
        struct.pack(">I", 20) + b"ftypqt  " + bytes(4) + b"qt  ",
        struct.pack(">I", 100) + b"moov" + bytes(92),
    ],
    "an AVI video": [b"RIFF" + bytes(4) + b"AVI LIST" + bytes(40)],
    "a Matroska or WebM video": [b"\x1aE\xdf\xa3" + bytes(40)],
    "an MPEG video": [b"\0\0\1\xba" + bytes(40)],
    "an MPEG transport stream": [(b"G" + bytes(187)) * 3],
    "a Flash video": [b"FLV\1" + bytes(40)],
    "a Windows Media file": [bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")],
    "a PSB, .*": [b"8BPS\0\2" + bytes(40)],
    "a PAM picture, .*": [b"P7\nWIDTH 1\n"],
    "a PFM picture in colour, .*": [b"PF\n1 1\n-1.0\n" + bytes(12)],
    "a ZIP archive or an office document": [b"PK\3\4" + bytes(40)],
    "a gzip archive": [gzip.compress(SVG)],
    "an HTML page": [b"<!DOCTYPE html><html><svg></svg></html>"],
    "nothing but zeros": [bytes(5000)],
}


@pytest.mark.parametrize(
    ("what", "content"), [(what, content) for what in REFUSED for content in REFUSED[what]]
)
def test_what_is_refused_is_named(what: str, content: bytes) -> None:
    """An examiner learns what the file is instead."""
    with pytest.raises(UnsupportedFormat, match=f"^the file is {what}, not a picture"):
        identify(content)


@pytest.mark.parametrize("content", [b"a text\n" * 100, b"P", b"P5", b"\n", b"II*", b"ftyp"])
def test_what_nobody_knows_is_unsupported(content: bytes) -> None:
    """And next to nothing is no picture either."""
    with pytest.raises(UnsupportedFormat, match="no picture"):
        identify(content)


def wide_psd() -> bytes:
    return b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, 1, 1, 16, 3) + bytes(12) + b"\0\0" + bytes(6)


PIXELS = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)


@pytest.mark.parametrize(
    "content",
    [
        wide_psd(),
        imagecodecs.jpeg_encode(PIXELS, bitspersample=12),
        imagecodecs.ljpeg_encode(PIXELS),
        imagecodecs.jpegls_encode(PIXELS.astype(np.uint8)),
        corpus.tiff(PIXELS, "minisblack", compression="jpeg2000"),
        b"DDS " + struct.pack("<II", 124, 0x1007) + bytes(64) + struct.pack("<II", 32, 0x80000),
    ],
    ids=["psd_16_bit", "jpeg_12_bit", "jpeg_lossless", "jpeg_ls", "tiff_jpeg_2000", "dds"],
)
def test_a_kind_that_is_not_decoded_is_no_damage(content: bytes) -> None:
    """The file may be sound; another program can show it."""
    with pytest.raises(UnsupportedFormat, match="of a kind that is not decoded"):
        decode(bytes(content) + bytes(100), InputSpec(64, None), DecodeLimits())


@pytest.mark.filterwarnings("ignore:image file could not be identified")
def test_a_pillow_without_avif_makes_no_avif_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some are built without."""
    monkeypatch.setattr(AvifImagePlugin, "SUPPORTED", False)
    with pytest.raises(UnsupportedFormat, match="AVIF"):
        decode(corpus.encoded("avif"), InputSpec(64, None), DecodeLimits())


def test_no_bytes_are_told_from_no_picture() -> None:
    """A code of its own."""
    with pytest.raises(EmptyFile):
        decode(b"", InputSpec(64, None), DecodeLimits())


@pytest.mark.parametrize("name", corpus.names())
def test_every_file_of_the_corpus_is_known_by_its_start(name: str) -> None:
    """By its first 1000 bytes, but for TIFF, where the directory tells a camera RAW from others."""
    whole = identify(corpus.encoded(name))
    start = identify(corpus.encoded(name)[:1000])
    assert start == whole


def test_what_is_listed_is_what_is_decoded() -> None:
    """Every format has a library here, with its version."""
    listed = {name for each in decoders() for name in each.formats}
    assert {str(kind) for kind in Format} <= listed
    assert all(each.version[0].isdigit() for each in decoders())
