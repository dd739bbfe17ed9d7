"""Writes a HEIF file anew with nothing but its picture, for decoders that reject odd files.

Such as those with metadata that break a rule, or with a sequence of pictures and no single one.
"""

import struct
from dataclasses import replace
from typing import Final

from taskworker_classifyimage.decode.boxes import Box, find_box, find_within, read_boxes
from taskworker_classifyimage.decode.heif_items import Item, read_items

_MAX_ITEMS: Final = 1000
_MAX_DEPTH: Final = 10
_ALPHA: Final = (b"urn:mpeg:hevc:2015:auxid:1", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha")
#: Derived pictures that show their first part: unchanged, or in a higher dynamic range.
_SHOWS_FIRST_PART: Final = (b"iden", b"tmap")
#: Properties that a decoder has to know: how the picture is coded, cropped and turned.
_ESSENTIAL: Final = (b"hvcC", b"av1C", b"clap", b"irot", b"imir", b"lsel", b"a1op")
#: Matrix coefficients that decoders lack, and those that are next to them (ITU-T H.273, table 4).
_NEAR_MATRICES: Final = {10: 9, 13: 12}
_SAMPLE_ENTRY_BYTES: Final = 78
#: Codecs by kinds of items, of pictures that no decoder here decodes.
_OTHER_CODECS: Final = {
    b"avc1": "AVC",
    b"evc1": "EVC",
    b"j2k1": "JPEG 2000",
    b"jpeg": "JPEG",
    b"jxl ": "JPEG XL",
    b"lhv1": "layered HEVC",
    b"mski": "a mask",
    b"unci": "uncompressed pixels",
    b"vvc1": "VVC",
}

#: A kind, an item's number, and the numbers that it refers to.
_Reference = tuple[bytes, int, list[int]]


def read_codec(encoded: bytes) -> bytes:
    """The kind of the primary item, or of its first part; empty if there is none."""
    number, items = read_items(encoded)
    for _ in range(_MAX_DEPTH):
        if number not in items or not items[number].parts:
            break
        number = items[number].parts[0]
    return items[number].kind if number in items else b""


def name_other_codec(encoded: bytes) -> str | None:
    """The name of the codec of the primary picture, if that is not decoded here."""
    return _OTHER_CODECS.get(read_codec(encoded))


def read_crop(encoded: bytes, width: int, height: int) -> tuple[int, int, int, int] | None:
    """(left, top, right, bottom) of what is shown of the primary picture; None if that is all.

    By its clean aperture (ISO/IEC 14496-12, section 12.1.4.3).
    """
    number, items = read_items(encoded)
    aperture = items[number].find_property(b"clap") if number in items else None
    if aperture is None or len(aperture) < 32:
        return None
    values = struct.unpack(">IIIIiIiI", aperture[:32])
    if 0 in values[1::2]:
        return None
    across, down, right, below = (n / d for n, d in zip(values[::2], values[1::2], strict=True))
    left, top = (width - across) / 2 + right, (height - down) / 2 + below
    box = (round(left), round(top), round(left + across), round(top + down))
    is_inside = 0 <= box[0] < box[2] <= width and 0 <= box[1] < box[3] <= height
    return box if is_inside and box != (0, 0, width, height) else None


def rewrite(encoded: bytes) -> bytes:
    """The primary picture with its alpha; without one, the first of a sequence.

    Raises:
        ValueError: there is no picture.
    """
    primary, items = read_items(encoded)
    while primary in items and items[primary].kind in _SHOWS_FIRST_PART and items[primary].parts:
        derived = items.pop(primary)
        primary = derived.parts[0]
        if derived.kind == b"iden" and primary in items:
            _transform(items[primary], derived)
    if primary not in items:
        return _write([read_first_frame(encoded)], [])
    chosen: list[Item] = []
    references: list[_Reference] = []
    _choose(items, primary, chosen, references)
    for number, item in items.items():
        kind = item.find_property(b"auxC") or b""
        if primary in item.belongs_to and kind[4:].startswith(_ALPHA):
            alpha = _choose(items, number, chosen, references)
            references.append((b"auxl", alpha, [1]))
            _complete(chosen[alpha - 1], chosen[0])
            break
    return _write(chosen, references)


def _transform(item: Item, derived: Item) -> None:
    """Crops and turns an item as the one derived from it says."""
    kinds = [each[4:8] for each in item.properties]
    item.properties.extend(
        each
        for each in derived.properties
        if each[4:8] in (b"clap", b"irot", b"imir") and each[4:8] not in kinds
    )


def _choose(
    items: dict[int, Item], number: int, chosen: list[Item], references: list[_Reference]
) -> int:
    """Adds an item and its parts; returns its new number.

    A part that is used twice becomes two.
    """
    item = items[number]
    chosen.append(item)
    new_number = len(chosen)
    parts = [items[each] for each in item.parts if each in items]
    if len(chosen) + len(parts) > _MAX_ITEMS:
        raise ValueError("it has too many parts")
    if parts:
        chosen.extend(parts)
        references.append((b"dimg", new_number, [*range(new_number + 1, len(chosen) + 1)]))
    return new_number


def _complete(alpha: Item, picture: Item) -> None:
    """The size of alpha is that of the picture, where it is not stated."""
    size = next((each for each in picture.properties if each[4:8] == b"ispe"), None)
    if alpha.find_property(b"ispe") is None and size is not None:
        alpha.properties.append(size)


def read_first_frame(encoded: bytes) -> Item:
    """The first picture of the first track (ISO/IEC 14496-12, section 8)."""
    movie = find_box(encoded, b"moov")
    for track in read_boxes(encoded, movie.start, movie.end) if movie else ():
        table = find_within(encoded, track, b"mdia", b"minf", b"stbl")
        if track.kind == b"trak" and table and (frame := _read_sample(encoded, table)):
            return frame
    raise ValueError("there is no picture")


def _read_sample(encoded: bytes, table: Box) -> Item | None:
    found = {box.kind: box for box in read_boxes(encoded, table.start, table.end)}
    offsets = found.get(b"stco") or found.get(b"co64")
    if offsets is None or not {b"stsd", b"stsz"} <= found.keys():
        return None
    entry = next(read_boxes(encoded, found[b"stsd"].start + 8, found[b"stsd"].end), None)
    if entry is None:
        return None
    sizes, count_bytes = found[b"stsz"].start, 4 if offsets.kind == b"stco" else 8
    start = _number(encoded, offsets.start + 8, count_bytes)
    length = _number(encoded, sizes + 4, 4) or _number(encoded, sizes + 12, 4)
    inner = read_boxes(encoded, entry.start + _SAMPLE_ENTRY_BYTES, entry.end)
    properties = [
        encoded[each.start - 8 : each.end]
        for each in inner
        if each.kind in (b"hvcC", b"av1C", b"colr", b"pixi")
    ]
    width, height = _number(encoded, entry.start + 24, 2), _number(encoded, entry.start + 26, 2)
    properties.append(_full_box(b"ispe", struct.pack(">II", width, height)))
    kind = {b"hev1": b"hvc1"}.get(entry.kind, entry.kind)
    return Item(kind, encoded[start : start + length], properties)


def _number(encoded: bytes, at: int, count: int) -> int:
    return int.from_bytes(encoded[at : at + count], "big")


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def _full_box(kind: bytes, content: bytes, version: int = 0, flags: int = 0) -> bytes:
    return _box(kind, struct.pack(">I", version << 24 | flags) + content)


def _write(items: list[Item], references: list[_Reference]) -> bytes:
    """A file of these items, numbered from 1; the first is the primary one."""
    if not all(item.content or item.parts for item in items):
        raise ValueError("a part of it is not in the file")
    items = [replace(each, properties=[*map(_replace_matrix, each.properties)]) for each in items]
    known = list(dict.fromkeys(each for item in items for each in item.properties))
    index = {each: number for number, each in enumerate(known, 1)}
    uses = [
        struct.pack(">HB", number, len(item.properties))
        + b"".join(
            struct.pack(">H", index[each] | (0x8000 if each[4:8] in _ESSENTIAL else 0))
            for each in item.properties
        )
        for number, item in enumerate(items, 1)
    ]
    infos = [
        _full_box(b"infe", struct.pack(">HH", number, 0) + item.kind + b"\0", 2)
        for number, item in enumerate(items, 1)
    ]
    links = [
        _box(kind, struct.pack(f">HH{len(to)}H", number, len(to), *to))
        for kind, number, to in references
    ]
    is_av1 = any(item.kind == b"av01" for item in items)
    head = _box(b"ftyp", (b"avif" if is_av1 else b"heic") + bytes(4) + b"mif1")

    def meta(offset: int) -> bytes:
        places = struct.pack(">HH", 0x4400, len(items))
        for number, item in enumerate(items, 1):
            places += struct.pack(">HHHII", number, 0, 1, offset, len(item.content))
            offset += len(item.content)
        return _full_box(
            b"meta",
            _full_box(b"hdlr", bytes(4) + b"pict" + bytes(13))
            + _full_box(b"pitm", struct.pack(">H", 1))
            + _full_box(b"iloc", places)
            + _full_box(b"iinf", struct.pack(">H", len(infos)) + b"".join(infos))
            + (_full_box(b"iref", b"".join(links)) if links else b"")
            + _box(
                b"iprp",
                _box(b"ipco", b"".join(known))
                + _full_box(b"ipma", struct.pack(">I", len(uses)) + b"".join(uses), flags=1),
            ),
        )

    start = len(head) + len(meta(0)) + 8
    return head + meta(start) + _box(b"mdat", b"".join(item.content for item in items))


def _replace_matrix(known: bytes) -> bytes:
    if known[4:12] != b"colrnclx" or len(known) < 19:
        return known
    matrix = _number(known, 16, 2)
    return known[:16] + struct.pack(">H", _NEAR_MATRICES.get(matrix, matrix)) + known[18:]
