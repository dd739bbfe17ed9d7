import io
import mmap

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


def test_what_fits_goes_through_the_memory_and_what_does_not_is_sent() -> None:
    """The two sides agree on which without a word."""
    with mmap.mmap(-1, 4) as memory:
        channel = Channel(io.BytesIO(b"12345"), io.BytesIO(), memory)
        assert channel.put(b"abcd")
        assert channel.take_bytes(4) == b"abcd"
        assert not channel.put(b"abcde")
        assert channel.take_bytes(5) == b"12345"


def test_what_was_taken_does_not_change_with_the_memory() -> None:
    """A decoder that was taken over may write at any moment."""
    with mmap.mmap(-1, 4) as memory:
        channel, taken = Channel(io.BytesIO(), io.BytesIO(), memory), bytearray(4)
        channel.put(b"abcd")
        channel.take(memoryview(taken))
        memory[:4] = b"wxyz"
        assert taken == b"abcd"
