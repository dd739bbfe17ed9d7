import asyncio
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.programs import Program
from taskworker_classifyimage.worker.systemd import Systemd

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no systemd")

_TIMEOUT_S = 60.0


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """The socket that a service manager listens on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(_TIMEOUT_S)
        yield listening


def received(manager: socket.socket) -> dict[str, str]:
    lines = manager.recv(65536).decode().splitlines()
    return dict(line.split("=", 1) for line in lines)


def keep_notifying(systemd: Systemd, messages: int, manager: socket.socket) -> list[dict[str, str]]:
    async def notify() -> list[dict[str, str]]:
        stop = asyncio.Event()
        notifying = asyncio.create_task(systemd.keep_notifying(lambda: "3 in flight", stop))
        heard = [await asyncio.to_thread(received, manager) for _ in range(messages)]
        stop.set()
        await notifying
        return [*heard, received(manager)]

    return asyncio.run(notify())


def test_systemd_hears_ready_alive_and_stopping(manager: socket.socket) -> None:
    """A watchdog of 0.3 s hears at least three signs of life in that time."""
    environ = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "300000"}
    heard = keep_notifying(Systemd(environ), 4, manager)
    assert heard[0] == {"READY": "1"}
    assert heard[1:4] == [{"WATCHDOG": "1", "STATUS": "3 in flight"}] * 3
    assert heard[4]["STOPPING"] == "1"


@pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets are Linux's")
def test_abstract_sockets_are_understood() -> None:
    """systemd may name one with an at sign in front."""
    name = f"classifyimage-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}")
        Systemd({"NOTIFY_SOCKET": f"@{name}"}).notify(READY="1")
        assert listening.recv(100) == b"READY=1\n"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1234"}])
def test_without_systemd_nothing_is_sent(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]
) -> None:
    """Started by hand, in a container, or by a manager that listens on no local socket."""
    opened: list[object] = []

    class Recorded(socket.socket):
        def __init__(self, *arguments: int) -> None:
            opened.append(arguments)
            super().__init__(*arguments)

    monkeypatch.setattr(socket, "socket", Recorded)
    Systemd(environ).notify(READY="1")
    assert opened == []


def test_a_manager_that_has_gone_is_told_again_when_it_is_back(tmp_path: Path) -> None:
    """The worker goes on without it."""
    systemd = Systemd({"NOTIFY_SOCKET": str(tmp_path / "notify")})
    systemd.notify(READY="1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        systemd.notify(WATCHDOG="1")
        assert listening.recv(100) == b"WATCHDOG=1\n"


@pytest.mark.parametrize(
    ("environ", "watchdog_s"),
    [
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_ours_or_nobodys(environ: dict[str, str], watchdog_s: float | None) -> None:
    """One that was inherited from another process is not."""
    assert Systemd(environ).watchdog_s == watchdog_s


def test_the_worker_tells_systemd_what_it_does(manager: socket.socket) -> None:
    """The whole program, waiting for a bridge: ready all the same, or systemd would kill it."""
    environ = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "1000000"}
    arguments = ("work", "--taskbridgeurl", "http://127.0.0.1:9/", "--worker", "w")
    with Program(*arguments, environ=environ) as program:
        assert received(manager) == {"READY": "1"}
        heard = received(manager)
        assert heard["WATCHDOG"] == "1"
        assert heard["STATUS"].startswith("0 in flight")
        while "the bridge is away" not in received(manager)["STATUS"]:
            pass
        assert program.stop() == 0
        while "STOPPING" not in heard:
            heard = received(manager)
