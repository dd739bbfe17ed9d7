"""Blocking, unbuffered transport of bytes between the worker and a decoder."""

import dataclasses
import io

#: A binary file that reads and writes without delay, such as one end of a pipe.
BinaryFile = io.RawIOBase | io.BufferedIOBase


class ChannelBroken(Exception):
    """The other side is gone, or what it sends is invalid."""


class ChannelClosed(ChannelBroken):
    """The other side has closed the channel."""


@dataclasses.dataclass(frozen=True, slots=True)
class Channel:
    """Both directions; for a socket they are the same file."""

    reader: BinaryFile
    writer: BinaryFile

    def close(self) -> None:
        """Closes both directions."""
        self.reader.close()
        self.writer.close()

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
