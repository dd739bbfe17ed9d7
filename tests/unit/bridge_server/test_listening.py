"""The port of the bridge: both loopback addresses, and a port that only a connection holds."""

import asyncio
import socket
from collections.abc import Callable

import pytest

from support.held_port import HeldPort
from support.programs import free_port
from taskworker_classifyimage.bridge_server.listening import PortHeld, PortInUse, bind


def has_ipv6() -> bool:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return False
    return True


def try_to_bind(host: str, port: int) -> None:
    for each in asyncio.run(bind(host, port, patience_s=0)):
        each.close()


def test_localhost_is_both_addresses_with_one_port() -> None:
    bound = asyncio.run(bind("localhost", 0))
    names = [each.getsockname()[:2] for each in bound]
    for each in bound:
        each.close()
    port = names[0][1]
    assert names == [("127.0.0.1", port), *([("::1", port)] if has_ipv6() else [])]


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_a_program_that_listens_on_the_other_loopback_address_is_told() -> None:
    port = free_port()
    with (
        socket.create_server(("::1", port), family=socket.AF_INET6),
        pytest.raises(PortInUse) as raised,
    ):
        try_to_bind("localhost", port)
    assert (raised.value.host, raised.value.port) == ("::1", port)
    try_to_bind("localhost", port)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost"])
def test_a_program_that_listens_is_told_at_once(
    host: str, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(PortInUse):
        asyncio.run(bind(host, other.getsockname()[1]))
    assert caplog.text == ""


@pytest.mark.parametrize("end", [lambda _: None, HeldPort.close_first])
def test_a_port_that_a_connection_holds_is_told_as_such(end: Callable[[HeldPort], None]) -> None:
    held = HeldPort()
    end(held)
    try:
        with pytest.raises(PortHeld, match="nobody listens"):
            try_to_bind("127.0.0.1", held.port)
    finally:
        held.close()
