"""The start of the server, its port, its URL and its folder."""

import asyncio
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from support.in_process import serving
from taskworker_classifyimage.bridge_server.database import BridgeDataUnusable
from taskworker_classifyimage.bridge_server.listening import PortInUse
from taskworker_classifyimage.bridge_server.server import BridgeServer


def test_the_real_port_is_known_only_after_the_start(tmp_path: Path) -> None:
    async def urls() -> tuple[str, str]:
        server = BridgeServer("127.0.0.1", 0, tmp_path)
        before = server.url
        await server.start()
        started = server.url
        await server.stop()
        await server.stop()
        return before, started

    before, started = asyncio.run(urls())
    assert before == "http://127.0.0.1:0"
    assert urlsplit(started).port != 0


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:7"),
        ("", "http://127.0.0.1:7"),
        ("::", "http://[::1]:7"),
        ("::1", "http://[::1]:7"),
        ("localhost", "http://127.0.0.1:7"),
        ("lab.example", "http://lab.example:7"),
    ],
)
def test_the_url_is_one_that_this_machine_can_open(tmp_path: Path, host: str, url: str) -> None:
    assert BridgeServer(host, 7, tmp_path).url == url


def test_a_port_in_use_is_reported_and_the_folder_released(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortInUse) as raised:
            asyncio.run(BridgeServer("127.0.0.1", port, tmp_path).start())
    assert (raised.value.host, raised.value.port) == ("127.0.0.1", port)
    with serving(tmp_path) as bridge:
        assert bridge.listed() == []


def test_a_damaged_database_is_reported_with_its_name_and_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "tasks.sqlite3"
    with serving(tmp_path) as bridge:
        bridge.add()
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * (path.stat().st_size - 4096))
    with pytest.raises(BridgeDataUnusable, match=r"tasks.sqlite3 is damaged .*restore a backup"):
        asyncio.run(BridgeServer("127.0.0.1", 0, tmp_path).start())


def test_a_folder_of_files_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    (tmp_path / "files").touch()
    with pytest.raises(BridgeDataUnusable, match="folder of files"):
        asyncio.run(BridgeServer("127.0.0.1", 0, tmp_path).start())
