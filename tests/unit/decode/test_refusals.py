import gzip
import struct

import pytest

from taskworker_classifyimage.decode.formats.registry import recognise
from taskworker_classifyimage.errors import UnsupportedFormat

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><circle r="9"/></svg>'


REFUSED = {
    "an SVG drawing": [
        SVG,
        b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- a comment -->\n' + SVG,
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
    "a PAM picture, .*": [b"P7\nWIDTH 1\n"],
    "a PFM picture in colour, .*": [b"PF\n1 1\n-1.0\n" + bytes(12)],
    "a DICOM picture .*": [bytes(128) + b"DICM" + bytes(40)],
    "a FITS picture .*": [b"SIMPLE  =                    T" + b" " * 50],
    "a JPEG XR picture, .*": [b"II\xbc\1" + bytes(40)],
    "an OpenEXR picture, .*": [b"v/1\1" + bytes(40)],
    "a Radiance HDR picture, .*": [b"#?RADIANCE\n", b"#?RGBE\n"],
    "an XCF, .*": [b"gimp xcf file\0"],
    "a QOI picture, .*": [b"qoif" + bytes(20)],
    "an ICNS, .*": [b"icns" + bytes(20)],
    "an SGI picture, .*": [b"\1\xda\1\1" + bytes(500)],
    "a Sun raster picture, .*": [b"\x59\xa6\x6a\x95" + bytes(28)],
    "an XPM picture, .*": [b"/* XPM */\nstatic char"],
    "an XBM picture, .*": [b"#define hopper_width 128\n#define hopper_height 128\n"],
    "an IFF picture .*": [b"FORM\0\0\0\x40ILBM" + bytes(40), b"FORM\0\0\0\x40PBM " + bytes(40)],
    "an FLC animation, .*": [bytes(4) + b"\x12\xaf" + bytes(122)],
    "a PICT drawing": [bytes(522) + b"\0\x11\2\xff\x0c\0" + bytes(40)],
    "a Photo CD picture, .*": [b"\xff" * 2048 + b"PCD_IPI" + bytes(40)],
    "a BPG picture, .*": [b"BPG\xfb" + bytes(40)],
    "an HDF5 file": [b"\x89HDF\r\n\x1a\n"],
    "a ZIP archive or an office document": [b"PK\3\4" + bytes(40)],
    "a gzip archive": [gzip.compress(SVG, mtime=0)],
    "an HTML page": [b"<!DOCTYPE html><html><svg></svg></html>"],
    "nothing but zeros": [bytes(5000)],
}


@pytest.mark.parametrize(
    ("what", "content"), [(what, content) for what in REFUSED for content in REFUSED[what]]
)
def test_what_is_refused_is_named(what: str, content: bytes) -> None:
    """The message names the kind of file."""
    with pytest.raises(UnsupportedFormat, match=f"^the file is {what}, not a picture"):
        recognise(content)


@pytest.mark.parametrize("content", [b"a text\n" * 100, b"P", b"P5", b"\n", b"II*", b"ftyp"])
def test_an_unknown_file_is_unsupported(content: bytes) -> None:
    """Nor is the start of a signature a picture."""
    with pytest.raises(UnsupportedFormat, match="no picture"):
        recognise(content)
