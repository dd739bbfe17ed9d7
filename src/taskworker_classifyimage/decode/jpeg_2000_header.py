"""The header of a JPEG 2000 file: its components, and the colours they stand for (ITU-T T.800)."""

import struct
from dataclasses import dataclass
from typing import Final

from taskworker_classifyimage.decode.boxes import find_box, read_boxes
from taskworker_classifyimage.errors import UnsupportedFormat

_START: Final = b"\xff\x4f\xff\x51"
_MAX_COMPONENTS: Final = 64
#: The fields of a SIZ segment before those of the components (annex A.5.1).
_SIZE: Final = struct.Struct(">HHIIIIIIIIH")
#: Enumerated colour spaces, and how many components their colours have (annex I.5.3.3; T.801).
CMYK, LAB, SRGB, GREY, SYCC, ESRGB, ESYCC = 12, 14, 16, 17, 18, 20, 24
_COLOURS: Final = {CMYK: 4, LAB: 3, SRGB: 3, GREY: 1, SYCC: 3, ESRGB: 3, ESYCC: 3}
_PROFILE_COLOURS: Final = {b"GRAY": 1, b"RGB ": 3, b"CMYK": 4, b"Lab ": 3}
#: Channel types that are transparency, and no special channel (annex I.5.3.6).
_ALPHA_TYPES: Final = (1, 2)


@dataclass(frozen=True, slots=True)
class Component:
    """Bits of a number, whether it is signed, and how many columns and rows one stands for."""

    bits: int
    is_signed: bool
    across: int
    down: int


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of its picture.

    Attributes:
        width, height: in pixels of the reference grid.
        components: as they are stored.
        colour_space: as enumerated; None if a profile says it, or nothing.
        profile: an ICC profile, if there is one.
        has_palette: whether one component is the index into a table of colours.
        channels: (number, type, association) of each, where that is defined.
        size_at: offset of the fields of the codestream's size.
    """

    width: int
    height: int
    components: tuple[Component, ...]
    colour_space: int | None
    profile: bytes | None
    has_palette: bool
    channels: tuple[tuple[int, int, int], ...]
    size_at: int

    def count_colours(self, stored: int) -> int:
        """How many of the decoded components are colours."""
        if self.colour_space in _COLOURS:
            colours = _COLOURS[self.colour_space]
        elif self.profile:
            colours = _PROFILE_COLOURS.get(self.profile[16:20], 3)
        else:
            colours = 3 if stored >= 3 else 1
        return colours if colours <= stored else (3 if stored >= 3 else 1)

    def find_alpha(self, stored: int) -> int | None:
        """Which decoded component is transparency; None if there is none.

        OpenJPEG sorts colours by their associations, which moves the others.
        """
        if not self.channels:
            colours = self.count_colours(stored)
            return colours if stored == colours + 1 else None
        places = list(range(stored))
        found = [number for number, kind, _ in self.channels if kind in _ALPHA_TYPES]
        for number, kind, colour in sorted(self.channels):
            if kind == 0 and 0 < colour <= stored and number < stored:
                at = places.index(number)
                places[at], places[colour - 1] = places[colour - 1], places[at]
        return places.index(found[0]) if found and found[0] < stored else None


def read_header(encoded: bytes) -> Header:
    """Reads the header; decodes nothing.

    Raises:
        UnsupportedFormat: it has more components than a picture.
        ValueError: there is no codestream.
    """
    size_at = encoded.find(_START) + len(_START)
    if size_at < len(_START) or size_at + _SIZE.size > len(encoded):
        raise ValueError("no codestream")
    _, _, right, bottom, left, top, _, _, _, _, count = _SIZE.unpack_from(encoded, size_at)
    if count > _MAX_COMPONENTS:
        raise UnsupportedFormat(f"the file is a JPEG 2000 picture of {count} components")
    fields = encoded[size_at + _SIZE.size : size_at + _SIZE.size + 3 * count]
    components = tuple(
        Component((bits & 127) + 1, bits > 127, max(across, 1), max(down, 1))
        for bits, across, down in zip(fields[::3], fields[1::3], fields[2::3], strict=True)
    )
    colour_space, profile, has_palette = None, None, False
    channels: tuple[tuple[int, int, int], ...] = ()
    header = None if encoded.startswith(_START) else find_box(encoded, b"jp2h")
    for box in read_boxes(encoded, header.start, header.end) if header else ():
        content = encoded[box.start : box.end]
        if box.kind == b"colr" and colour_space is None and profile is None:
            if content[:1] == b"\1":
                colour_space = int.from_bytes(content[3:7], "big")
            elif content[:1] in (b"\2", b"\3"):
                profile = content[3:]
        has_palette = has_palette or box.kind == b"pclr"
        if box.kind == b"cdef":
            whole = content[2 : 2 + max(len(content) - 2, 0) // 6 * 6]
            channels = tuple((a, b, c) for a, b, c in struct.iter_unpack(">HHH", whole))
    return Header(
        *(right - left, bottom - top, components, colour_space, profile),
        *(has_palette, channels, size_at),
    )


def without_subsampling(encoded: bytes, header: Header) -> bytes:
    """The codestream of a picture whose components are subsampled alike, as of one that is not.

    Raises:
        UnsupportedFormat: its tiles do not fit the coarser grid.
    """
    across, down = header.components[0].across, header.components[0].down
    fields = list(_SIZE.unpack_from(encoded, header.size_at))
    is_tiled = fields[6] < fields[2] or fields[7] < fields[3]
    if is_tiled and (
        any(x % across for x in fields[6:10:2]) or any(y % down for y in fields[7:10:2])
    ):
        raise UnsupportedFormat("the file is a JPEG 2000 picture of subsampled tiles, not decoded")
    for at in range(2, 10):
        step = across if at % 2 == 0 else down
        fields[at] = -(-fields[at] // step)
    changed = bytearray(encoded)
    _SIZE.pack_into(changed, header.size_at, *fields)
    at = header.size_at + _SIZE.size
    for number in range(len(header.components)):
        changed[at + 3 * number + 1 : at + 3 * number + 3] = b"\1\1"
    return bytes(changed[header.size_at - len(_START) :])
