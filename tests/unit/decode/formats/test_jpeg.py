"""Foreign bytes, scans that end too early and malformed metadata cost a JPEG what they hide."""

import re
import struct

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from support import corpus
from support.turned import exif_of
from taskworker_classifyimage.decode import Decoded, DecodeLimits, decode
from taskworker_classifyimage.decode.jpeg_repair import without_metadata
from taskworker_classifyimage.decode.jpeg_scans import read_scans
from taskworker_classifyimage.errors import DamagedPicture, UnsupportedFormat
from taskworker_classifyimage.input_spec import InputSpec

# Decoders warn of damaged files; the program silences that where it starts.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

SPEC = InputSpec(size=320, crop=None)
WIDTH = 480
END = b"\xff\xd9"
BASELINE = ["jpeg_baseline", "jpeg_444", "jpeg_grey", "jpeg_cmyk", "jpeg_ycck"]
#: Second bytes of what looks like a marker: frames, tables, another JPEG, its scan, its end.
FOREIGN = [0xC0, 0xC4, 0xC8, 0xC9, 0xD0, 0xD8, 0xD9, 0xDA, 0xDB, 0xDD, 0xE1, 0xFE]


def read(encoded: bytes) -> Decoded:
    return decode(encoded, SPEC, DecodeLimits())


def stated_share(decoded: Decoded) -> float:
    """By the warning; 1 without one."""
    found = re.search(r"truncated: (\d+) % decoded", "|".join(decoded.facts.warnings))
    return 1.0 if found is None else int(found[1]) / 100


def assert_same_above(decoded: Decoded, whole: bytes, share: float) -> None:
    """The upper part has the colours of the whole picture, and the warning states its share."""
    assert abs(stated_share(decoded) - share) < 0.12, decoded.facts.warnings
    rows = int(320 * stated_share(decoded)) - 24
    expected = read(whole).pixels[:rows].astype(np.int16)
    assert np.abs(decoded.pixels[:rows] - expected).mean() < 1


def cut_at(encoded: bytes, share: float) -> bytes:
    """The start of a JPEG, its last byte no half marker."""
    return encoded[: int(len(encoded) * share)].rstrip(b"\xff")


@pytest.mark.parametrize("marker", FOREIGN)
@pytest.mark.parametrize("name", BASELINE)
def test_foreign_bytes_that_look_like_a_marker_end_what_is_seen(name: str, marker: int) -> None:
    """What lies above is seen; the decoder's error, or its silence, is not the answer."""
    whole = corpus.encoded(name, WIDTH)
    start = cut_at(whole, 0.6)
    foreign = start + bytes([0xFF, marker, 0, 17]) + b"foreign bytes" + whole[len(start) + 17 :]
    assert_same_above(read(foreign), whole, stated_share(read(start)))


@pytest.mark.parametrize("name", [*BASELINE, "jpeg_progressive"])
def test_another_jpeg_behind_a_part_of_one_is_not_mixed_in(name: str) -> None:
    """As on a disk on which the rest of a file was overwritten."""
    whole = corpus.encoded(name, WIDTH)
    start = cut_at(whole, 0.6)
    other = corpus.save(Image.new("RGB", (640, 480), "red"), "JPEG")
    decoded, cut = read(start + other), read(start)
    assert decoded.facts.warnings == cut.facts.warnings != ()
    assert np.abs(decoded.pixels.astype(np.int16) - cut.pixels).max() <= 2


@pytest.mark.parametrize("name", BASELINE)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_scan_that_ends_early_is_told_though_it_has_an_end(name: str, share: float) -> None:
    """The decoder paints the rest grey, without a word."""
    whole = corpus.encoded(name, WIDTH)
    start = cut_at(whole, share)
    assert_same_above(read(start + END), whole, stated_share(read(start)))
    assert stated_share(read(start + END)) < 0.99


def test_a_progressive_jpeg_that_lacks_passes_is_told_though_it_has_an_end() -> None:
    """All that can be seen is seen, and the warning says that details are missing."""
    whole = corpus.encoded("jpeg_progressive", WIDTH)
    decoded = read(cut_at(whole, 0.6) + END)
    assert decoded.facts.warnings == ("truncated: 100 % decoded, in less detail",)
    assert np.abs(decoded.pixels.astype(np.int16) - read(whole).pixels).mean() < 12


@pytest.mark.parametrize("marker", [0xC0, 0xC2, 0xC8, 0xD8, 0xDA])
def test_foreign_bytes_in_a_progressive_jpeg_leave_the_earlier_passes(marker: int) -> None:
    """The passes before them cover the whole picture."""
    whole = corpus.encoded("jpeg_progressive", WIDTH)
    start = cut_at(whole, 0.5)
    foreign = start + bytes([0xFF, marker]) + b"\0\x11foreign bytes" + whole[len(start) + 17 :]
    decoded = read(foreign)
    assert decoded.facts.warnings == ("truncated: 100 % decoded, in less detail",)
    assert np.abs(decoded.pixels.astype(np.int16) - read(whole).pixels).mean() < 12


@pytest.mark.parametrize("colour", [(128, 128, 128), (127, 127, 127), (0, 0, 0)])
def test_a_picture_that_is_grey_in_its_last_corner_is_whole(colour: tuple[int, int, int]) -> None:
    """Grey is also what a decoder paints where nothing is left."""
    picture = Image.new("RGB", (320, 320), colour)
    picture.paste(corpus.reference().resize((320, 100)))
    for options in ({}, {"progressive": True}, {"subsampling": "4:4:4"}):
        decoded = read(corpus.save(picture, "JPEG", quality=90, **options))
        assert decoded.facts.warnings == ()


@pytest.mark.parametrize("name", [*BASELINE, "jpeg_progressive", "jpeg_411"])
def test_fill_bytes_and_a_zero_tail_are_no_damage(name: str) -> None:
    """Any marker may have fill bytes before it (T.81, B.1.1.2)."""
    whole = corpus.encoded(name, WIDTH)
    filled, at = whole[:2], 2
    while whole[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(whole[at + 2 : at + 4], "big")
        filled += b"\xff\xff\xff" + whole[at:end]
        at = end
    filled += b"\xff\xff" + whole[at:-2] + b"\xff\xff" + END
    expected = read(whole)
    for encoded in (filled, filled + bytes(5000), whole + bytes(5000)):
        assert read(encoded).facts.warnings == ()
        assert (read(encoded).pixels == expected.pixels).all()


def test_stray_bytes_between_segments_are_no_damage() -> None:
    """All decoders skip them, also before the first segment."""
    whole = corpus.encoded("jpeg_baseline")
    at = whole.index(b"\xff\xc4")
    stray = whole[:2] + b"\0stray" + whole[2:at] + b"stray" + whole[at:]
    assert (read(stray).pixels == read(whole).pixels).all()
    assert read(stray).facts.warnings == ()


def test_a_lossless_jpeg_in_colour_is_no_damage() -> None:
    """The decoder opens it and fails later."""
    encoded = bytes(imagecodecs.ljpeg_encode(np.asarray(corpus.reference().convert("L"))))
    at = encoded.index(b"\xff\xc3")
    colour = (
        encoded[: at + 2] + b"\0\x11" + encoded[at + 4 : at + 9] + b"\3\1\x11\0\2\x11\0\3\x11\0"
    )
    rest = encoded[at + 2 + int.from_bytes(encoded[at + 2 : at + 4], "big") :]
    with pytest.raises(UnsupportedFormat, match="lossless"):
        read(colour + rest)


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


#: Malformed segments, and what the warning says is lost; None if nothing is.
MALFORMED: dict[str, tuple[bytes, str | None]] = {
    "JFIF without a version": (segment(0xE0, b"JFIF\0"), "APP0"),
    "empty APP0": (segment(0xE0, b""), None),
    "profile without a number": (segment(0xE2, b"ICC_PROFILE\0"), "APP2 (colour profile)"),
    "profile of nonsense": (segment(0xE2, b"ICC_PROFILE\0\1\1nonsense"), "profile ignored"),
    "Photoshop's data end": (
        segment(0xED, b"Photoshop 3.0\0008BIM\4\4"),
        "APP13 (Photoshop's data)",
    ),
    "Adobe without a version": (segment(0xEE, b"Adobe"), "APP14 (Adobe's kind of colours)"),
    "EXIF of nonsense": (segment(0xE1, b"Exif\0\0nonsense"), None),
    "empty EXIF": (segment(0xE1, b"Exif\0\0"), None),
    "MPF of nonsense": (segment(0xE2, b"MPF\0nonsense"), None),
    "EXIF beyond the file's end": (b"\xff\xe1\xff\xf0Exif\0\0", "APP1 (EXIF, XMP)"),
    "EXIF of no length": (b"\xff\xe1\0\0Exif\0\0", None),
    "JFIF of length 1": (b"\xff\xe0\0\1JFIF\0", None),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_segment_costs_what_it_says(name: str) -> None:
    """Not the picture, and the warning names what is lost."""
    whole = corpus.encoded("jpeg_baseline")
    malformed, lost = MALFORMED[name]
    decoded = read(whole[:2] + malformed + whole[2:])
    assert (decoded.pixels == read(whole).pixels).all()
    assert len(decoded.facts.warnings) == (lost is not None)
    assert (lost or "") in "".join(decoded.facts.warnings)


def test_a_malformed_segment_does_not_cost_the_orientation_of_another() -> None:
    """Only the segments of its own kind are left out."""
    lying = corpus.save(corpus.reference(), "JPEG", exif=exif_of(6))
    decoded = read(lying[:2] + segment(0xE0, b"JFIF\0") + lying[2:])
    assert decoded.facts.orientation == 6
    assert decoded.facts.warnings == ("damaged: decoded without APP0",)


def test_a_thumbnail_in_metadata_of_wrong_length_is_not_taken_for_the_picture() -> None:
    """It has tables of its own."""
    whole = corpus.encoded("jpeg_baseline")
    thumbnail = corpus.save(Image.new("RGB", (64, 64), "red"), "JPEG")
    decoded = read(whole[:2] + b"\xff\xe1\xff\xf0Exif\0\0" + thumbnail + whole[2:])
    assert (decoded.pixels == read(whole).pixels).all()


@pytest.mark.parametrize(("kind", "value"), [(1, b"\6\0\0\0"), (3, b"\6\0\0\0"), (4, b"\6\0\0\0")])
def test_an_orientation_counts_whatever_number_it_is_stored_as(kind: int, value: bytes) -> None:
    """As a byte, a short or a long."""
    tag = struct.pack("<HHI", 274, kind, 1) + value
    exif = b"Exif\0\0II*\0\x08\0\0\0\1\0" + tag + bytes(4)
    assert read(corpus.save(corpus.reference(), "JPEG", exif=exif)).facts.orientation == 6


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_orientation_in_xmp_alone_does_not_count(kind: str) -> None:
    """Nor does it in browsers and libvips."""
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description '
        b'tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
    )
    assert read(corpus.save(corpus.reference(), kind, xmp=xmp)).facts.orientation == 1
    both = corpus.save(corpus.reference(), kind, xmp=xmp, exif=exif_of(8))
    assert read(both).facts.orientation == 8


def test_the_scans_of_whole_files_end_where_they_end() -> None:
    for name in corpus.names():
        if name.startswith("jpeg_") and "_2000" not in name and "_xl" not in name:
            encoded = corpus.encoded(name)
            scans = read_scans(encoded + b"more")
            assert (scans.end, scans.is_complete) == (len(encoded) - 2, True), name
            assert scans.is_progressive == ("progressive" in name)


@given(st.binary(max_size=300), st.integers(0, 400))
def test_any_bytes_can_be_read_as_scans_and_segments(junk: bytes, at: int) -> None:
    whole = corpus.encoded("jpeg_progressive")
    changed = whole[:at] + junk + whole[at + len(junk) :]
    assert read_scans(changed).end <= len(changed)
    assert all(len(version) <= len(changed) for version, _ in without_metadata(changed))


def test_too_little_before_foreign_bytes_is_damaged() -> None:
    whole = corpus.encoded("jpeg_baseline", WIDTH)
    with pytest.raises(DamagedPicture, match="at least 20%"):
        read(cut_at(whole, 0.1) + b"\xff\xc0\0\x11" + whole[-5000:])
