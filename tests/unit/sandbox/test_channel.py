import io

import pytest

from taskworker_classifyimage.sandbox.channel import Channel, ChannelClosed


class Slow(io.BytesIO):
    """Reads and writes one byte at a time, as a full pipe may."""

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override] # as Channel calls it
        return super().readinto(buffer[:1])

    def write(self, content: memoryview, /) -> int:  # type: ignore[override] # as Channel calls it
        return super().write(content[:1])


def test_short_reads_and_writes_are_continued() -> None:
    """A system call may move fewer bytes than it was given."""
    writer = Slow()
    Channel(Slow(b"abc"), writer).send(b"defg")
    assert writer.getvalue() == b"defg"
    assert Channel(Slow(b"abc"), writer).read(2) == b"ab"


def test_an_end_before_the_last_byte_is_an_error() -> None:
    """The other process has died."""
    with pytest.raises(ChannelClosed):
        Channel(Slow(b"abc"), Slow()).read(4)
