"""Who calls through a reverse proxy: what trusted proxies say in their `X-Forwarded-*` headers."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from taskworker_classifyimage.bridge_server.access import Network

_HEADERS: Final = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Prefix")
_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~-]+)+")


@dataclass(frozen=True, slots=True)
class Caller:
    """The client as it sees the bridge.

    Attributes:
        address: of the client.
        scheme: "http" or "https".
        host: host and perhaps port, as the client calls the bridge.
        prefix: the path at which a proxy shows the bridge, such as "/bridge"; usually empty.
    """

    address: str
    scheme: str
    host: str
    prefix: str = ""


def find_caller(request: web.Request, proxies: tuple[Network, ...]) -> Caller:
    """Finds out who calls.

    Args:
        request: the call.
        proxies: whose headers count; so do those of programs on this machine.
    """
    address = request.remote or ""
    is_direct = not any(name in request.headers for name in _HEADERS)
    if is_direct or not _is_trusted(address, proxies):
        return Caller(address, "http", request.host)
    # The last of several values is that of the nearest proxy.
    scheme = _read_last(request, "X-Forwarded-Proto")
    prefix = _read_last(request, "X-Forwarded-Prefix").rstrip("/")
    return Caller(
        _find_client(request, address, proxies),
        scheme if scheme in ("http", "https") else "http",
        _read_last(request, "X-Forwarded-Host") or request.host,
        prefix if _PREFIX.fullmatch(prefix) else "",
    )


def _find_client(request: web.Request, address: str, proxies: tuple[Network, ...]) -> str:
    """The nearest address of X-Forwarded-For that is no trusted proxy: others could be made up."""
    for sent in reversed(",".join(request.headers.getall("X-Forwarded-For", ())).split(",")):
        try:
            hop = str(ipaddress.ip_address(sent.strip()))
        except ValueError:
            return address
        address = hop
        if not _is_trusted(hop, proxies):
            return address
    return address


def _is_trusted(address: str, proxies: tuple[Network, ...]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return parsed.is_loopback or any(parsed in network for network in proxies)


def _read_last(request: web.Request, name: str) -> str:
    return ",".join(request.headers.getall(name, ())).rpartition(",")[2].strip()
