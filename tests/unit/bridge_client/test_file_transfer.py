"""Downloads that break off, crawl or change, from a real server or in virtual time."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator

import pytest

from support.file_server import FileServer
from support.memory_bridge import MemoryBridge, StoredTask, bridge_of
from support.virtual_time import run_in_virtual_time
from taskworker_classifyimage.bridge_client.address import BridgeAddress
from taskworker_classifyimage.bridge_client.client import BridgeClient
from taskworker_classifyimage.bridge_client.file_transfer import FileTransfer, SlowDownloads
from taskworker_classifyimage.errors import BridgeUnavailable, TooLarge

CONTENT = random.Random(1).randbytes(1_000_000)
OTHER = random.Random(2).randbytes(900_000)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer(CONTENT) as serving:
        yield serving


def download(server: FileServer, *, tries: int = 2, limit_bytes: int = 2_000_000) -> bytes:
    """The file after some tries, of which only the last may succeed."""

    async def run() -> bytes:
        async with BridgeClient(BridgeAddress.parse(server.url)) as client:
            transfer = client.transfer("a", limit_bytes)
            for _ in range(tries - 1):
                with pytest.raises(BridgeUnavailable):
                    await client.file("a", transfer)
            return await client.file("a", transfer)

    return asyncio.run(run())


def test_a_download_goes_on_where_it_broke_off(server: FileServer) -> None:
    """On a bad line a large file would else never arrive."""
    server.faults.cut_at_bytes = [200_000, 300_000]
    assert download(server, tries=3) == CONTENT
    assert server.ranges == [None, "bytes=200000-", "bytes=500000-"]


@pytest.mark.parametrize("hides_length", [False, True])
def test_a_server_that_cannot_go_on_sends_all_again(server: FileServer, hides_length: bool) -> None:
    server.faults.cut_at_bytes = [200_000]
    server.faults.ignores_range = True
    server.faults.hides_length = hides_length
    assert download(server) == CONTENT


def test_a_file_without_a_version_is_sent_again(server: FileServer) -> None:
    """Nobody knows whether the rest belongs to what has arrived."""
    server.faults.cut_at_bytes = [200_000]
    server.faults.headers = {"ETag": 'W/"weak"'}
    assert download(server) == CONTENT
    assert server.ranges == [None, None]


def test_a_file_that_changed_meanwhile_is_not_mixed(server: FileServer) -> None:
    """The first part would be of another picture."""
    server.faults.cut_at_bytes = [200_000]

    async def run() -> bytes:
        async with BridgeClient(BridgeAddress.parse(server.url)) as client:
            transfer = client.transfer("a", 2_000_000)
            with pytest.raises(BridgeUnavailable):
                await client.file("a", transfer)
            server.content = OTHER
            return await client.file("a", transfer)

    assert asyncio.run(run()) == OTHER


@pytest.mark.parametrize(
    "content_range",
    ["bytes 0-999999/1000000", "bytes 200001-999999/1000000", "bytes 200000-*", "nonsense", ""],
)
def test_another_part_than_was_asked_for_is_not_taken(
    server: FileServer, content_range: str
) -> None:
    """The next try asks for the whole file."""
    server.faults.cut_at_bytes = [200_000]

    async def run() -> bytes:
        async with BridgeClient(BridgeAddress.parse(server.url)) as client:
            transfer = client.transfer("a", 2_000_000)
            with pytest.raises(BridgeUnavailable):
                await client.file("a", transfer)
            server.faults.headers = {"Content-Range": content_range}
            with pytest.raises(BridgeUnavailable, match="another part"):
                await client.file("a", transfer)
            server.faults.headers = {}
            return await client.file("a", transfer)

    assert asyncio.run(run()) == CONTENT
    assert server.ranges == [None, "bytes=200000-", None]


def test_a_range_that_is_refused_is_no_refusal_of_the_file(server: FileServer) -> None:
    """416 means that the file has become shorter than what has arrived."""
    server.faults.cut_at_bytes = [200_000]

    async def run() -> bytes:
        async with BridgeClient(BridgeAddress.parse(server.url)) as client:
            transfer = client.transfer("a", 2_000_000)
            for server.faults.status in (0, 416):
                with pytest.raises(BridgeUnavailable):
                    await client.file("a", transfer)
            server.faults.status = 0
            return await client.file("a", transfer)

    assert asyncio.run(run()) == CONTENT


def test_the_whole_size_counts_when_a_download_goes_on(server: FileServer) -> None:
    """Not that of the part which is left."""
    server.faults.cut_at_bytes = [200_000]
    server.faults.hides_length = True
    with pytest.raises(TooLarge):
        download(server, limit_bytes=900_000)


async def at_rate(bytes_per_s: int, seconds: int) -> AsyncIterator[bytes]:
    """A body that arrives once a second."""
    for _ in range(seconds):
        await asyncio.sleep(1.0)
        yield bytes(bytes_per_s)


async def read(slow: SlowDownloads, bytes_per_s: int, seconds: int) -> int:
    """Reads such a body as a download does; returns how many bytes arrived."""
    transfer = FileTransfer("the file of task 'a'", 2**30, None, slow)
    transfer.start(200, {}, None)
    body = at_rate(bytes_per_s, seconds)
    return len(await transfer.read(body, least_bytes_per_s=1000.0, window_s=60.0))


def test_a_slow_download_takes_its_time_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """3.9 MB at 10 kB/s; it was given up, in silence, while its bytes flowed."""
    assert run_in_virtual_time(read(SlowDownloads(), 10_000, 390)) == 3_900_000
    assert [record.getMessage() for record in caplog.records] == [
        "the file of task 'a' is slow: 0.1 MB in 11 s, 10 kB/s; other tasks go on"
    ]


def test_a_hopeless_download_is_given_up() -> None:
    """256 MiB would take three days."""
    with pytest.raises(BridgeUnavailable, match="the file comes at 900 bytes/s"):
        run_in_virtual_time(read(SlowDownloads(), 900, 3600))


def test_many_slow_downloads_are_one_line_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """A slow network is one piece of news, not one for each task."""

    async def run() -> None:
        slow = SlowDownloads()
        for _ in range(3):
            await asyncio.gather(*(read(slow, 10_000, 45) for _ in range(20)))

    run_in_virtual_time(run())
    assert len(caplog.records) == 2


class BreakingOff(MemoryBridge):
    """Sends a part of the file each time."""

    def __init__(self, part_bytes: int, parts: int) -> None:
        super().__init__(a=StoredTask(status="inprogress", worker="w", file=b""))
        self._part, self._left = bytes(part_bytes), parts

    async def file(self, task_id: str, transfer: FileTransfer) -> bytes:
        await super().file(task_id, transfer) if not transfer.arrived_bytes else None
        self._left -= 1

        async def body() -> AsyncIterator[bytes]:
            yield self._part
            if self._left:
                raise BridgeUnavailable("cut")

        return await transfer.read(body(), least_bytes_per_s=1.0, window_s=60.0)


@pytest.mark.parametrize(("part_bytes", "arrives"), [(100_000, True), (1, False)])
def test_a_download_that_gets_on_is_not_given_up(part_bytes: int, arrives: bool) -> None:
    """However often it breaks off; one that hardly does is given up after ten tries."""
    client = BreakingOff(part_bytes, 30)

    async def run() -> bytes:
        return await bridge_of(client).file("a", 10_000_000)

    if arrives:
        assert len(run_in_virtual_time(run())) == 30 * part_bytes
    else:
        with pytest.raises(BridgeUnavailable):
            run_in_virtual_time(run())
