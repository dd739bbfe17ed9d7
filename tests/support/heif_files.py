"""HEIF files of any items, as no encoder here writes them (ISO/IEC 23008-12)."""

import struct
from dataclasses import dataclass, field

from taskworker_classifyimage.decode.heif_items import Item, read_items


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def full_box(kind: bytes, content: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags) + content)


def clean_aperture(across: int, down: int, right: int = 0, below: int = 0) -> bytes:
    """What is shown, in pixels; its centre lies to the right of and below that of the picture."""
    return box(b"clap", struct.pack(">IIIIiIiI", across, 1, down, 1, right, 1, below, 1))


@dataclass
class Heif:
    """What a file holds, to be changed before it is written; items are numbered from 1."""

    items: list[Item]
    references: list[tuple[bytes, int, list[int]]] = field(default_factory=list)
    brand: bytes = b"avif"
    #: How many boxes the properties are spread over; there should be one.
    property_boxes: int = 1
    #: Whether decoders must know properties that crop and turn.
    is_essential: bool = True

    @classmethod
    def of(cls, encoded: bytes) -> "Heif":
        """The picture of another file, and its alpha."""
        _, items = read_items(encoded)
        numbers = {old: new for new, old in enumerate(items, 1)}
        references = [
            (b"auxl", numbers[old], [numbers[each] for each in item.belongs_to])
            for old, item in items.items()
            if item.belongs_to
        ]
        return cls([*items.values()], references, encoded[8:12])

    def write(self) -> bytes:
        head = box(b"ftyp", self.brand + bytes(4) + b"mif1miaf")
        start = len(head) + len(self._meta(0)) + 8
        return (
            head + self._meta(start) + box(b"mdat", b"".join(item.content for item in self.items))
        )

    def _meta(self, offset: int) -> bytes:
        places = struct.pack(">HH", 0x4400, len(self.items))
        for number, item in enumerate(self.items, 1):
            places += struct.pack(">HHHII", number, 0, 1, offset, len(item.content))
            offset += len(item.content)
        infos = b"".join(
            full_box(b"infe", struct.pack(">HH", number, 0) + item.kind + b"\0", 2)
            for number, item in enumerate(self.items, 1)
        )
        links = b"".join(
            box(kind, struct.pack(f">HH{len(to)}H", number, len(to), *to))
            for kind, number, to in self.references
        )
        return full_box(
            b"meta",
            full_box(b"hdlr", bytes(4) + b"pict" + bytes(13))
            + full_box(b"pitm", struct.pack(">H", 1))
            + full_box(b"iloc", places)
            + full_box(b"iinf", struct.pack(">H", len(self.items)) + infos)
            + (full_box(b"iref", links) if links else b"")
            + self._properties(),
        )

    def _properties(self) -> bytes:
        known = [each for item in self.items for each in item.properties]
        number, uses = 0, []
        for index, item in enumerate(self.items, 1):
            use = struct.pack(">HB", index, len(item.properties))
            for each in item.properties:
                number += 1
                must = each[4:8] in (b"hvcC", b"av1C") or (
                    self.is_essential and each[4:8] in (b"clap", b"irot", b"imir")
                )
                use += bytes([number | 0x80 * must])
            uses.append(use)
        step = -(-len(uses) // self.property_boxes)
        groups = [uses[at : at + step] for at in range(0, len(uses), step)]
        boxes = (
            full_box(b"ipma", struct.pack(">I", len(each)) + b"".join(each)) for each in groups
        )
        return box(b"iprp", box(b"ipco", b"".join(known)) + b"".join(boxes))


def sequence(encoded: bytes, frames: int = 3) -> bytes:
    """A file of one track that shows the picture of a HEIC several times, and of no items."""
    _, items = read_items(encoded)
    item = next(each for each in items.values() if each.kind == b"hvc1")
    extents = item.find_property(b"ispe") or b""
    width, height = struct.unpack(">II", extents[4:12])
    setting = next(each for each in item.properties if each[4:8] == b"hvcC")
    entry = bytes(6) + b"\0\1" + bytes(16) + struct.pack(">HH", width, height) + bytes(50)
    head = box(b"ftyp", b"hevc" + bytes(4) + b"msf1hevciso8")

    def movie(offset: int) -> bytes:
        sizes = struct.pack(">II", 0, frames) + struct.pack(">I", len(item.content)) * frames
        table = (
            full_box(b"stsd", struct.pack(">I", 1) + box(b"hvc1", entry + setting))
            + full_box(b"stts", struct.pack(">III", 1, frames, 1))
            + full_box(b"stsc", struct.pack(">IIII", 1, 1, frames, 1))
            + full_box(b"stsz", sizes)
            + full_box(b"stco", struct.pack(">II", 1, offset))
        )
        media = full_box(b"hdlr", bytes(4) + b"pict" + bytes(13))
        media += box(b"minf", box(b"stbl", table))
        return box(b"moov", box(b"trak", box(b"mdia", media)))

    offset = len(head) + len(movie(0)) + 8
    return head + movie(offset) + box(b"mdat", item.content * frames)
