"""Names the files that are refused: no pictures, or pictures in formats that are not decoded."""

from typing import Final

from taskworker_classifyimage.decode.boxes import read_brands

#: The first bytes of files, and the kind of file.
_SIGNATURES: Final = (
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
    (b"SIMPLE  =", "a FITS picture of astronomy, which is not decoded"),
    (b"v/1\1", "an OpenEXR picture, which is not decoded"),
    (b"#?RADIANCE", "a Radiance HDR picture, which is not decoded"),
    (b"#?RGBE", "a Radiance HDR picture, which is not decoded"),
    (b"gimp xcf", "an XCF, GIMP's own format, which is not decoded"),
    (b"qoif", "a QOI picture, which is not decoded"),
    (b"icns", "an ICNS, Apple's format for icons, which is not decoded"),
    (b"farbfeld", "a farbfeld picture, which is not decoded"),
    (b"\1\xda", "an SGI picture, which is not decoded"),
    (b"\x59\xa6\x6a\x95", "a Sun raster picture, which is not decoded"),
    (b"/* XPM */", "an XPM picture, which is not decoded"),
    (b"! XPM2", "an XPM picture, which is not decoded"),
    (b"BLP1", "a BLP texture, which is not decoded"),
    (b"BLP2", "a BLP texture, which is not decoded"),
    (b"\xabKTX 11", "a KTX texture, which is not decoded"),
    (b"\xabKTX 20", "a KTX texture, which is not decoded"),
    (b"SDPX", "a DPX picture of film, which is not decoded"),
    (b"XPDS", "a DPX picture of film, which is not decoded"),
    (b"\x80\x2a\x5f\xd7", "a Cineon picture of film, which is not decoded"),
    (b"BPG\xfb", "a BPG picture, which is not decoded"),
    (b"FLIF", "a FLIF picture, which is not decoded"),
    (b"\x8aMNG", "an MNG animation, which is not decoded"),
    (b"\x8bJNG", "a JNG picture, which is not decoded"),
    (b"\x97JB2", "a JBIG2 picture, which is not decoded"),
    (b"\xb1\x68\xde\x3a", "a DCX, several PCX pictures in a file, which is not decoded"),
    (b"DanM", "a Microsoft Paint picture of before Windows 3, which is not decoded"),
    (b"LinS", "a Microsoft Paint picture of before Windows 3, which is not decoded"),
    (b"JG\3\x0e", "an ART picture of AOL, which is not decoded"),
    (b"JG\4\x0e", "an ART picture of AOL, which is not decoded"),
    (b"\x89HDF\r\n", "an HDF5 file"),
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


def name_refused(encoded: bytes) -> str | None:
    """The kind of a file that no format recognises, such as "a PDF document"; None if unknown."""
    for signature, kind in _SIGNATURES:
        if encoded.startswith(signature):
            return kind
    if read_brands(encoded) or encoded[4:8] in (b"moov", b"mdat", b"wide", b"free"):
        return "an MP4 or QuickTime video"
    if place := _name_by_place(encoded):
        return place
    if encoded.startswith(b"RIFF"):
        return "an AVI video" if encoded[8:12] == b"AVI " else "a RIFF file such as a sound"
    return _name_by_text(encoded)


#: Bytes at a place other than the start, and the kind of file.
_WITHIN: Final = (
    (128, b"DICM", "a DICOM picture of medicine, which is not decoded"),
    (2048, b"PCD_IPI", "a Photo CD picture, which is not decoded"),
    (522, b"\0\x11\2\xff", "a PICT drawing"),
    (522, b"\x11\1", "a PICT drawing"),
    (4, b"\x11\xaf", "an FLI animation, which is not decoded"),
    (4, b"\x12\xaf", "an FLC animation, which is not decoded"),
)
#: Kinds of pictures in Amiga's interchange format.
_IFF: Final = (b"ILBM", b"PBM ", b"ACBM", b"RGB8", b"RGBN", b"DEEP", b"ANIM", b"RGFX", b"CIMG")


def _name_by_place(encoded: bytes) -> str | None:
    if encoded.startswith((b"FORM", b"FOR4")) and encoded[8:12] in _IFF:
        return "an IFF picture of Amiga's kind, which is not decoded"
    if encoded.startswith(b"\1\0\0\0") and encoded[40:44] == b" EMF":
        return "an EMF drawing"
    if encoded[:1] == b"G" and encoded[188:189] == b"G" and encoded[376:377] == b"G":
        return "an MPEG transport stream"
    return next((kind for at, found, kind in _WITHIN if encoded.startswith(found, at)), None)


def _name_by_text(encoded: bytes) -> str | None:
    # UTF-16 becomes ASCII without its zeros.
    text = encoded[:4096].replace(b"\0", b"").lower()
    if not text and not encoded.strip(b"\0"):
        return "nothing but zeros"
    text = text.removeprefix(b"\xef\xbb\xbf").removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff")
    text = text.lstrip()
    if text.startswith(b"#define ") and b"_width" in text[:200]:
        return "an XBM picture, which is not decoded"
    if text.startswith((b"<!doctype html", b"<html")):
        return "an HTML page"
    return "an SVG drawing" if text.startswith(b"<") and b"<svg" in text else None
