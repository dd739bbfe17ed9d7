"""Reads a case file of any length, of which one medium at a time is in memory.

All pieces together are the text of the file, so that whoever changes one leaves the rest as it is.
"""

import json
import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast

from taskworker_classifyimage.errors import ConfigError, printable

#: Larger than any medium, whose lists of files and metadata have some kilobytes.
_MOST_CHARACTERS: Final = 16 * 2**20
_CHUNK_CHARACTERS: Final = 2**18
_BLANKS: Final = re.compile(r"[ \t\r\n]*")
#: One number may have a million digits, which Python does not convert to an integer.
_DECODER: Final = json.JSONDecoder(parse_int=float, strict=False)
_BYTE_ORDER_MARK: Final = "\ufeff"
#: How UTF-16 begins.
_WIDE_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


class CaseDamaged(ConfigError):
    """A file is no case of Project VIC, or not a whole one."""


@dataclass(frozen=True, slots=True)
class Medium:
    """One entry of `Media`.

    Attributes:
        number: its place in the file, from 1.
        text: as it stands there, from brace to brace.
        fields: its values by their keys in lower case.
    """

    number: int
    text: str
    fields: Mapping[str, object]


def read_pieces(path: Path) -> Iterator[str | Medium]:
    """The text of a case file, and in it the media, in their order.

    Bytes that are not UTF-8 are surrogates, as `surrogateescape` makes them.

    Raises:
        CaseDamaged: it is no case, or a part of one.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        if file.read(2) in _WIDE_MARKS:
            raise CaseDamaged(f"{path} is UTF-16; a Project VIC file is UTF-8: save it as that")
    # No line end is translated.
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as text:
        walk = _Walk(text)
        try:
            yield from walk.read()
        except _Wrong as err:
            raise CaseDamaged(
                f"{path} is no whole Project VIC file: {err} at character {walk.offset:,}"
            ) from None


class _Wrong(Exception):
    """What is wrong with the text."""


class _Walk:
    """Walks through the text, key by key down to the media."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._text = ""
        #: Where the next value begins, and the piece that it will be in.
        self._at = self._from = 0
        self._dropped = 0
        self._is_whole = False
        self._count = 0

    @property
    def offset(self) -> int:
        """How far the walk has come, in characters."""
        return self._dropped + self._at

    def read(self) -> Iterator[str | Medium]:
        if self._peek() == _BYTE_ORDER_MARK:
            self._at += 1
        found_value = False
        for key in self._keys():
            if key != "value":
                self._take_value()
                yield self._pass()
                continue
            found_value = True
            yield from self._read_entries() if self._peek() == "[" else self._read_entry()
        if not found_value:
            raise _Wrong('it has no "value"')
        if self._peek():
            raise _Wrong("something stands behind its end")
        yield self._pass()

    def _read_entries(self) -> Iterator[str | Medium]:
        for _ in self._items():
            if self._peek() == "{":
                yield from self._read_entry()
            else:
                self._take_value()

    def _read_entry(self) -> Iterator[str | Medium]:
        """A case, or a medium of a set of hashes; only its keys tell which."""
        yield self._pass()
        fields: dict[str, object] = {}
        is_case = False
        for key in self._keys():
            if key == "media" and self._peek() == "[":
                is_case = True
                for _ in self._items():
                    yield from self._read_medium()
                continue
            fields[key] = self._take_value()
            if is_case:
                yield self._pass()
        if not is_case:
            yield self._make_medium(fields)

    def _read_medium(self) -> Iterator[str | Medium]:
        yield self._pass()
        value = self._take_value()
        if isinstance(value, dict):
            yield self._make_medium({key.lower(): each for key, each in value.items()})

    def _make_medium(self, fields: Mapping[str, object]) -> Medium:
        self._count += 1
        return Medium(self._count, self._pass(), fields)

    def _pass(self) -> str:
        """The text since the last piece."""
        passed = self._text[self._from : self._at]
        self._from = self._at
        return passed

    def _keys(self) -> Generator[str]:
        """The keys of an object, in lower case; its values are to be taken in between."""
        self._take("{")
        separator = "}" if self._peek() == "}" else ","
        while separator == ",":
            if self._peek() != '"':
                raise _Wrong("there is no key")
            key = cast("str", self._take_value())
            self._take(":")
            yield key.lower()
            separator = self._peek()
            if separator == ",":
                self._at += 1
        self._take("}")

    def _items(self) -> Generator[None]:
        """As often as a list has items; they are to be taken in between."""
        self._take("[")
        separator = "]" if self._peek() == "]" else ","
        while separator == ",":
            self._peek()
            yield
            separator = self._peek()
            if separator == ",":
                self._at += 1
        self._take("]")

    def _take(self, sign: str) -> None:
        if self._peek() != sign:
            raise _Wrong(f"there is no {sign!r}")
        self._at += 1

    def _peek(self) -> str:
        """The next character that is no blank; an empty text at the end."""
        while True:
            found = _BLANKS.match(self._text, self._at)
            self._at = self._at if found is None else found.end()
            if self._at < len(self._text) or not self._read_more():
                return self._text[self._at : self._at + 1]

    def _take_value(self) -> object:
        self._peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as err:
                if not self._read_more():
                    raise _Wrong(printable(err.msg)) from None
            except RecursionError:
                raise _Wrong("it is nested too deeply") from None
            else:
                # The end of what is read may be in the middle of a number.
                if end < len(self._text) or not self._read_more():
                    self._at = end
                    return cast("object", value)

    def _read_more(self) -> bool:
        """Reads on; whether there was anything. Twice as much each time, so that all is linear."""
        kept = len(self._text) - self._from
        if kept > _MOST_CHARACTERS:
            raise _Wrong(f"a part is larger than {_MOST_CHARACTERS // 2**20} MiB or damaged")
        more = self._file.read(max(_CHUNK_CHARACTERS, kept))
        if not more:
            return False
        self._text = self._text[self._from :] + more
        self._dropped += self._from
        self._at -= self._from
        self._from = 0
        return True
