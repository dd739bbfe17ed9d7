import asyncio

import pytest

from support.canned_server import CannedServer, http
from taskworker_classifyimage.bridge_client.address import BridgeAddress
from taskworker_classifyimage.bridge_client.bridge import Bridge
from taskworker_classifyimage.bridge_client.client import BridgeClient
from taskworker_classifyimage.errors import BridgeUnavailable
from taskworker_classifyimage.worker.hand_back import hand_back

IDS = {f"task-{number}" for number in range(40)}


def hand_all_back(server: CannedServer, *, was_down: bool) -> None:
    async def run() -> None:
        async with BridgeClient(BridgeAddress.parse(server.url)) as client:
            bridge = Bridge(client, "w", "classifyimage")
            if was_down:
                answer, server.answer = server.answer, b""
                with pytest.raises(BridgeUnavailable):
                    await bridge.take({})
                server.answer = answer
                server.connections = 0
            await hand_back(bridge, IDS)

    asyncio.run(run())


def test_a_bridge_that_is_down_still_is_asked_once(caplog: pytest.LogCaptureFixture) -> None:
    """A worker that stops must not send it a call a task at the same instant."""
    with CannedServer() as server:
        hand_all_back(server, was_down=True)
        # The HTTP library makes two of a GET that is cut off.
        assert server.connections <= 2
    assert "39 more tasks" in caplog.text
    assert caplog.text.count("\n") == 2


@pytest.mark.parametrize("was_down", [False, True])
def test_a_bridge_that_is_there_gets_all(was_down: bool) -> None:
    """A task that is in progress with us is reopened, though the bridge was down before."""
    with CannedServer() as server:
        server.answer = http(200, b'{"status": "inprogress", "worker": "w"}')
        hand_all_back(server, was_down=was_down)
        restarted = [each for each in server.requests if "/restart/" in each.partition("\r\n")[0]]
    assert len(restarted) == len(IDS)
