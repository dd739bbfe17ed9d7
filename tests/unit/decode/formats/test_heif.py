import struct
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import AvifImagePlugin, Image
from PIL.Image import Transpose

from support import corpus
from support.heif_files import Heif, box, clean_aperture, sequence
from taskworker_classifyimage.decode import Decoded, DecodeLimits, decode
from taskworker_classifyimage.decode.heif_items import Item, read_items
from taskworker_classifyimage.decode.heif_rewriting import rewrite
from taskworker_classifyimage.errors import DamagedPicture, UnsupportedFormat
from taskworker_classifyimage.input_spec import InputSpec


@pytest.mark.filterwarnings("ignore:image file could not be identified")
def test_a_pillow_without_avif_makes_no_avif_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some builds of Pillow have no AVIF."""
    monkeypatch.setattr(AvifImagePlugin, "SUPPORTED", False)
    with pytest.raises(UnsupportedFormat, match="AVIF"):
        decode(corpus.encoded("avif"), InputSpec(64, None), DecodeLimits())


SPEC = InputSpec(size=160, crop=None)
REJECTED = ("decoded without parts that the decoder rejects",)


def read(encoded: bytes) -> Decoded:
    return decode(encoded, SPEC, DecodeLimits())


def difference(found: Decoded, expected: Decoded) -> float:
    return float(np.abs(found.pixels.astype(np.int16) - expected.pixels).mean())


def transparent() -> bytes:
    """An AVIF of which the left half is transparent."""
    image = corpus.reference().convert("RGBA")
    alpha = Image.new("L", image.size, 255)
    alpha.paste(0, (0, 0, image.width // 2, image.height))
    image.putalpha(alpha)
    return corpus.save(image, "AVIF", quality=90, speed=9)


def test_alpha_whose_size_is_not_stated_is_shown() -> None:
    """Encoders of 2020 left it out, and browsers show such files."""
    whole = transparent()
    file = Heif.of(whole)
    alpha = file.items[file.references[0][1] - 1]
    alpha.properties = [each for each in alpha.properties if each[4:8] != b"ispe"]
    found = read(file.write())
    assert difference(found, read(whole)) < 1
    assert (found.pixels[:, :70] == 127).all()
    assert found.facts.warnings == REJECTED


def test_properties_in_two_boxes_all_count() -> None:
    """There should be one box of a version."""
    file = Heif.of(transparent())
    file.property_boxes = 2
    assert difference(read(file.write()), read(transparent())) < 1


@pytest.mark.parametrize("name", ["avif", "heic"])
def test_a_bad_exif_item_does_not_cost_the_picture(name: str) -> None:
    """Its first number says where the TIFF begins."""
    file = Heif.of(corpus.encoded(name))
    file.items.append(Item(b"Exif", b"\xff\xff\xff\xff" + b"nonsense"))
    file.references.append((b"cdsc", len(file.items), [1]))
    found = read(file.write())
    assert difference(found, read(corpus.encoded(name))) == 0


def test_a_reference_to_no_item_does_not_cost_the_picture() -> None:
    file = Heif.of(corpus.encoded("avif"))
    file.references.append((b"thmb", 1, [0]))
    assert difference(read(file.write()), read(corpus.encoded("avif"))) == 0


@pytest.mark.parametrize("is_essential", [True, False])
@pytest.mark.parametrize("name", ["avif", "heic"])
@pytest.mark.parametrize("turn", [None, 1])
def test_a_crop_is_applied_before_the_turn(name: str, is_essential: bool, turn: int | None) -> None:
    """100 x 80 pixels of the picture of 240 x 160, their centre 30 to the right and 20 above."""
    file = Heif.of(corpus.encoded(name))
    file.is_essential = is_essential
    file.items[0].properties.append(clean_aperture(100, 80, 30, -20))
    expected = corpus.reference().crop((100, 20, 200, 100))
    if turn is not None:
        file.items[0].properties.append(box(b"irot", bytes([turn])))
        expected = expected.transpose(Transpose.ROTATE_90)
    found = read(file.write())
    assert difference(found, read(corpus.save(expected, "PNG"))) < 4
    assert (found.facts.width, found.facts.height) == (100, 80)
    assert found.facts.orientation == (1 if turn is None else 8)


def test_colours_of_constant_luminance_are_shown_by_the_next_matrix() -> None:
    """No decoder here has matrix 10 of H.273; that of 9 has the same colours."""
    found = []
    for matrix in (9, 10):
        file = Heif.of(corpus.encoded("avif"))
        colours = struct.pack(">4sHHHB", b"nclx", 1, 13, matrix, 0x80)
        others = [each for each in file.items[0].properties if each[4:8] != b"colr"]
        file.items[0].properties = [*others, box(b"colr", colours)]
        found.append(read(file.write()))
    assert difference(*found) == 0
    assert found[1].facts.warnings == REJECTED


def test_a_sequence_shows_its_first_frame() -> None:
    """Live photos and bursts; the file has no single picture."""
    whole = corpus.encoded("heic")
    found = read(sequence(whole))
    assert difference(found, read(whole)) == 0
    assert found.facts.warnings == ()
    assert (found.facts.width, found.facts.height) == (240, 160)


def test_half_a_sequence_still_shows_its_first_frame_or_is_damaged() -> None:
    """Never garbage."""
    encoded = sequence(corpus.encoded("heic"), frames=1)
    with pytest.raises(DamagedPicture):
        read(encoded[: len(encoded) // 2])


@pytest.mark.parametrize(
    ("kind", "name"),
    [(b"avc1", "AVC"), (b"unci", "uncompressed"), (b"vvc1", "VVC"), (b"jpeg", "JPEG")],
)
@pytest.mark.filterwarnings("ignore:image file could not be identified")
def test_what_stays_undecoded_is_named(kind: bytes, name: str) -> None:
    """Such a file breaks no rule."""
    file = Heif.of(corpus.encoded("heic"))
    file.items[0].kind = kind
    for brand in (b"heic", b"mif1", b"avci"):
        file.brand = brand
        with pytest.raises(UnsupportedFormat, match=f"HEIF picture of {name}"):
            read(file.write())


def test_the_codec_decides_where_brands_name_none() -> None:
    file = Heif.of(corpus.encoded("avif"))
    file.brand = b"mif1"
    found = read(file.write())
    assert found.facts.format == "AVIF"
    assert difference(found, read(corpus.encoded("avif"))) == 0


@given(st.integers(0, 600), st.binary(max_size=40))
def test_any_bytes_can_be_read_as_items(at: int, junk: bytes) -> None:
    whole = corpus.encoded("heic_grid")
    changed = whole[:at] + junk + whole[at + len(junk) :]
    read_items(changed)
    with suppress(ValueError):
        rewrite(changed)
