"""Binds the bridge's port, and waits for one that only an old connection still holds.

The default port lies in the range from which Linux takes ports for outgoing connections: such a
connection, and for a minute what is left of it, keeps a port that nobody listens on.
"""

import asyncio
import errno
import logging
import os
import socket
from contextlib import suppress
from typing import Final

from taskworker_classifyimage.errors import ConfigError, UserError

_log = logging.getLogger(__name__)

#: The name of this machine: both its loopback addresses.
LOCALHOST: Final = "localhost"
_LOOPBACK: Final = ("127.0.0.1", "::1")
#: Linux forgets a closed connection after a minute.
_PATIENCE_S: Final = 65.0
_INTERVAL_S: Final = 1.0
_ANSWER_S: Final = 2.0
_NO_IPV6: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class PortInUse(ConfigError):
    """Another program listens on the port.

    Attributes:
        host: the address that could not be bound.
        port: the port that could not be bound.
    """

    def __init__(self, host: str, port: int) -> None:
        super().__init__(f"port {port} on {host} is in use")
        self.host = host
        self.port = port


class PortHeld(UserError):
    """Nobody listens on the port, but a connection holds it: starting again later helps."""


async def bind(host: str, port: int, *, patience_s: float = _PATIENCE_S) -> list[socket.socket]:
    """Binds a port on every address of a host.

    Args:
        host: an address or a name; `LOCALHOST` is 127.0.0.1 and, where IPv6 exists, ::1.
        port: 0: any free port, the same on every address.
        patience_s: how long to wait for a port that nobody listens on.

    Raises:
        PortInUse: another program listens there.
        PortHeld: nobody does, and a connection still held it at the end.
        OSError: the host is no address of this machine.
    """
    addresses = await _find_addresses(host)
    waited_s = 0.0
    while True:
        try:
            return _bind_all(addresses, port)
        except OSError as err:
            if err.errno != errno.EADDRINUSE:
                raise
        for address in addresses:
            if await _has_listener(address, port):
                raise PortInUse(address, port)
        if waited_s >= patience_s:
            raise PortHeld(f"port {port} is held by a connection, though nobody listens on it")
        if not waited_s:
            _log.warning(
                "bridge.port_busy port=%d: a connection holds it though nobody listens; trying for"
                " %.0f s",
                port,
                patience_s,
            )
        await asyncio.sleep(_INTERVAL_S)
        waited_s += _INTERVAL_S


async def _find_addresses(host: str) -> list[str]:
    if host == LOCALHOST:
        return list(_LOOPBACK)
    found = await asyncio.get_running_loop().getaddrinfo(
        host or None, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _bind_all(addresses: list[str], port: int) -> list[socket.socket]:
    bound: list[socket.socket] = []
    try:
        for address in addresses:
            try:
                bound.append(_bind_one(address, port))
            except OSError as err:
                if not (bound and err.errno in _NO_IPV6):
                    raise
            port = bound[0].getsockname()[1]
    except BaseException:
        for each in bound:
            each.close()
        raise
    return bound


def _bind_one(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            # What is left of the connections of an earlier bridge does not count.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((address, port))
        # Two programs may bind one port; only one of them can listen.
        bound.listen(128)
    except BaseException:
        bound.close()
        raise
    return bound


async def _has_listener(address: str, port: int) -> bool:
    """Whether a program answers on a port, or is too busy to."""
    target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104
    try:
        async with asyncio.timeout(_ANSWER_S):
            _, writer = await asyncio.open_connection(target, port)
    except TimeoutError:
        return True
    except OSError:
        return False
    # A connection to a free port can meet itself.
    meets_itself = writer.get_extra_info("sockname") == writer.get_extra_info("peername")
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return not meets_itself
