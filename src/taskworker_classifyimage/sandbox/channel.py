"""Blocking, unbuffered transport of bytes between the worker and a decoder."""

import dataclasses
from typing import Protocol


class ChannelBroken(Exception):
    """The other side is gone, or what it sends is invalid."""


class ChannelClosed(ChannelBroken):
    """The other side has closed the channel."""


class RawIO(Protocol):
    """An unbuffered binary file, such as one end of a pipe."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Reads some bytes into the buffer; returns how many, 0 at the end."""

    def write(self, content: memoryview, /) -> int | None:
        """Writes some of the bytes; returns how many."""

    def close(self) -> None:
        """Closes the file."""


@dataclasses.dataclass(frozen=True, slots=True)
class Channel:
    """Both directions; for a socket they are the same file."""

    reader: RawIO
    writer: RawIO

    def close(self) -> None:
        """Closes both directions."""
        self.reader.close()
        self.writer.close()

    def send(self, content: bytes | memoryview) -> None:
        """Writes all of the bytes.

        Raises:
            ChannelClosed: the other side has closed the channel.
        """
        left = memoryview(content)
        try:
            while left:
                left = left[self.writer.write(left) or 0 :]
        except OSError as err:
            raise ChannelClosed(str(err)) from None

    def fill(self, buffer: memoryview) -> None:
        """Reads until a buffer of bytes is full.

        Raises:
            ChannelClosed: the other side has closed the channel.
        """
        try:
            while buffer:
                count = self.reader.readinto(buffer)
                if not count:
                    raise ChannelClosed("the other side closed the channel")
                buffer = buffer[count:]
        except OSError as err:
            raise ChannelClosed(str(err)) from None

    def read(self, count: int) -> bytes:
        """Reads that many bytes; raises as `fill` does."""
        content = bytearray(count)
        self.fill(memoryview(content))
        return bytes(content)
