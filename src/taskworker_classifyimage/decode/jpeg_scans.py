"""The scans of a JPEG: which there are, and where the last one ends (ITU-T T.81, annexes B, G)."""

import re
from dataclasses import dataclass
from typing import Final

from taskworker_classifyimage.decode.jpeg_segments import START_OF_SCAN, Segment, read_segments

_FRAMES: Final = (0xC0, 0xC1, 0xC2, 0xC9, 0xCA)
_PROGRESSIVE: Final = (0xC2, 0xCA)
_RESTART_INTERVAL: Final = 0xDD
#: Tables and remarks, which may lie between two scans.
_BETWEEN_SCANS: Final = (0xC4, 0xCC, 0xDB, 0xDC, _RESTART_INTERVAL, 0xFE, *range(0xE0, 0xF0))
#: A marker that ends a scan, with and without restart markers within it.
_END_WITH_RESTARTS: Final = re.compile(rb"\xff[^\0\xff\xd0-\xd7]")
_END: Final = re.compile(rb"\xff[^\0\xff]")
_MAX_SCANS: Final = 1000
#: Coefficients of a block; the first is its mean.
_COEFFICIENTS: Final = 64
#: The least significant bit that no scan has brought yet.
_NONE: Final = 99


@dataclass(frozen=True, slots=True)
class Scans:
    """What the scans of a JPEG hold.

    Attributes:
        end: offset of the end marker, or of the first marker that cannot be this picture's, as in
            foreign bytes; the length of the file if there is neither.
        is_progressive: whether the picture comes in passes of growing detail.
        has_whole_pass: whether a first pass is complete, since another scan begins behind it.
        is_complete: whether there are scans for all details.
    """

    end: int
    is_progressive: bool
    has_whole_pass: bool
    is_complete: bool


def read_scans(encoded: bytes) -> Scans:
    """Finds the scans of a JPEG by their headers; nothing is decoded."""
    follower = _Follower(encoded)
    for segment in read_segments(encoded):
        if segment.marker == START_OF_SCAN:
            return follower.follow(segment)
        follower.note(segment)
    return Scans(len(encoded), follower.is_progressive, False, False)


class _Follower:
    """Follows the scans of one JPEG, and knows what they have brought so far."""

    def __init__(self, encoded: bytes) -> None:
        self._encoded = encoded
        self._end = _END
        self.is_progressive = False
        #: By component, the lowest bit that is known of each coefficient.
        self._known: dict[int, list[int]] = {}

    def note(self, segment: Segment) -> None:
        """Takes what a table or the frame says about the scans."""
        content = self._encoded[segment.content : segment.end]
        if segment.marker == _RESTART_INTERVAL:
            self._end = _END_WITH_RESTARTS if any(content[:2]) else _END
        if segment.marker in _FRAMES:
            self.is_progressive = segment.marker in _PROGRESSIVE
            self._known = {number: [_NONE] * _COEFFICIENTS for number in content[6::3]}

    def follow(self, scan: Segment) -> Scans:
        at, has_whole_pass = scan.start, False
        following: Segment | None = scan
        for _ in range(_MAX_SCANS):
            if following is None or not self._takes(following):
                break
            has_whole_pass = has_whole_pass or (following is not scan and self._has_means())
            self._add(following)
            found = self._end.search(self._encoded, following.end)
            at = len(self._encoded) if found is None else found.start()
            following = self._find_next(at)
        bits = [bit for known in self._known.values() for bit in known]
        return Scans(at, self.is_progressive, has_whole_pass, not any(bits))

    def _find_next(self, at: int) -> Segment | None:
        """The scan that begins at `at` or behind tables there; None if other bytes lie there."""
        for segment in read_segments(self._encoded, at):
            if self._encoded[at : segment.start].strip(b"\xff"):
                return None
            if segment.marker == START_OF_SCAN:
                return segment
            if segment.marker not in _BETWEEN_SCANS:
                return None
            self.note(segment)
            at = segment.end
        return None

    def _takes(self, scan: Segment) -> bool:
        """Whether the header is one of a scan that may come now."""
        header = self._header(scan)
        if header is None:
            return False
        components, first, last, before, bit = header
        if not self.is_progressive:
            return all(self._known[each][0] == _NONE for each in components)
        if not first <= last < _COEFFICIENTS:
            return False
        known = [self._known[each][at] for each in components for at in range(first, last + 1)]
        return all(each == (before or _NONE) for each in known) and (not before or bit < before)

    def _add(self, scan: Segment) -> None:
        header = self._header(scan)
        if header is not None:
            components, first, last, _, bit = header
            if not self.is_progressive:
                first, last, bit = 0, _COEFFICIENTS - 1, 0
            for each in components:
                self._known[each][first : last + 1] = [bit] * (last + 1 - first)

    def _has_means(self) -> bool:
        return all(known[0] < _NONE for known in self._known.values())

    def _header(self, scan: Segment) -> tuple[list[int], int, int, int, int] | None:
        """Components, first and last coefficient, lowest bit before and after this scan."""
        content = self._encoded[scan.content : scan.end]
        count = content[0] if content else 0
        if not count or len(content) != 4 + 2 * count:
            return None
        components = list(content[1 : 1 + 2 * count : 2])
        if not all(each in self._known for each in components):
            return None
        first, last, bits = content[-3:]
        return components, first, last, bits >> 4, bits & 15
