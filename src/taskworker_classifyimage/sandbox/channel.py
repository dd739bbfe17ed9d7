"""Blocking transport of bytes between the worker and a decoder: files, and memory of both."""

import dataclasses
import io
import mmap

#: A binary file that reads and writes without delay, such as one end of a pipe.
BinaryFile = io.RawIOBase | io.BufferedIOBase


class ChannelBroken(Exception):
    """The other side is gone, or what it sends is invalid."""


class ChannelClosed(ChannelBroken):
    """The other side has closed the channel."""


@dataclasses.dataclass(frozen=True, slots=True)
class Channel:
    """One side of it.

    Attributes:
        reader, writer: one file each direction; for a socket the same.
        memory: seen by both sides; holds one thing, of whoever's turn it is. None: there is none.
    """

    reader: BinaryFile
    writer: BinaryFile
    memory: mmap.mmap | None = None

    def close(self) -> None:
        """Closes both directions."""
        self.reader.close()
        self.writer.close()
        if self.memory is not None:
            self.memory.close()

    def put(self, content: bytes | memoryview) -> bool:
        """Puts bytes into the memory; False if they do not fit, and have to be sent.

        The other side learns of them by the next message.
        """
        if self.memory is None or len(content) > len(self.memory):
            return False
        self.memory[: len(content)] = content
        return True

    def take(self, buffer: memoryview) -> None:
        """Fills the buffer with what the other side has put, or else sends; raises as `fill`."""
        if self.memory is None or len(buffer) > len(self.memory):
            self.fill(buffer)
            return
        with memoryview(self.memory) as content:
            buffer[:] = content[: len(buffer)]

    def take_bytes(self, count: int) -> bytes:
        """As many bytes as the other side has put, or else sends; raises as `fill`."""
        if self.memory is None or count > len(self.memory):
            return self.read(count)
        return self.memory[:count]

    def send(self, content: bytes | memoryview) -> None:
        """Writes all of the bytes; raises `ChannelClosed` if the other side is gone."""
        left = memoryview(content)
        try:
            while left:
                left = left[self.writer.write(left) or 0 :]
        except OSError as err:
            raise ChannelClosed(str(err)) from None

    def fill(self, buffer: memoryview) -> None:
        """Reads until the buffer is full; raises `ChannelClosed` if the other side is gone."""
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
        content = io.BytesIO()
        if count:
            # Grown at once and filled in place: a copy of a picture may be the last that fits.
            content.seek(count - 1)
            content.write(b"\0")
            with content.getbuffer() as buffer:
                self.fill(buffer)
        return content.getvalue()
