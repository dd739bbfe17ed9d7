"""Bytes between the worker and a decoder: blocking, unbuffered, all or nothing."""

import dataclasses
from typing import Protocol


class Broken(Exception):
    """The other end does not do its part: it is gone, or what it sends makes no sense."""


class Gone(Broken):
    """The other end is closed."""


class RawIO(Protocol):
    """An unbuffered binary file, such as one end of a pipe."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Reads at most as much as there is room for; 0 at the end."""

    def write(self, content: memoryview, /) -> int | None:
        """Writes some of it."""

    def close(self) -> None:
        """Closes it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Channel:
    """Both directions; of a socket they are the same file."""

    reader: RawIO
    writer: RawIO

    def close(self) -> None:
        """Closes both."""
        self.reader.close()
        self.writer.close()

    def send(self, content: bytes | memoryview) -> None:
        """Writes all of it.

        Raises:
            Gone: the other end is closed.
        """
        left = memoryview(content)
        try:
            while left:
                left = left[self.writer.write(left) or 0 :]
        except OSError as err:
            raise Gone(str(err)) from None

    def fill(self, buffer: memoryview) -> None:
        """Reads until the buffer, one of bytes, is full.

        Raises:
            Gone: the other end is closed.
        """
        try:
            while buffer:
                count = self.reader.readinto(buffer)
                if not count:
                    raise Gone("the other end closed")
                buffer = buffer[count:]
        except OSError as err:
            raise Gone(str(err)) from None

    def read(self, count: int) -> bytes:
        """Reads so many bytes; raises as `fill` does."""
        content = bytearray(count)
        self.fill(memoryview(content))
        return bytes(content)
