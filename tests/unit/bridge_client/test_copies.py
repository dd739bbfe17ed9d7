import asyncio
import contextlib

from support.working import download
from taskworker_classifyimage.bridge_client.address import BridgeAddress
from taskworker_classifyimage.bridge_client.client import BridgeClient


def answer(content: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(content), content)


def test_a_copy_of_an_answer_is_not_taken_for_the_next_answer() -> None:
    """The next picture would be classified as the one before."""
    copied = asyncio.Event()
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        content = b"picture %d" % connections
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(answer(content))
                await asyncio.sleep(0.05)
                writer.write(answer(content))
                await writer.drain()
                copied.set()
        writer.close()

    async def fetch_two() -> list[bytes]:
        server = await asyncio.start_server(serve, "127.0.0.1")
        port = server.sockets[0].getsockname()[1]
        async with server, BridgeClient(BridgeAddress.parse(f"http://127.0.0.1:{port}")) as client:
            first = await download(client, "a", 100)
            await copied.wait()
            await asyncio.sleep(0.05)
            second = await download(client, "b", 100)
        # The other side sees that we hung up.
        await asyncio.sleep(0.05)
        return [first, second]

    assert asyncio.run(fetch_two()) == [b"picture 1", b"picture 2"]
