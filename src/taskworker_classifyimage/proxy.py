"""The HTTP proxy that the environment names."""

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from yarl import URL

from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.loopback import is_loopback

_SEPARATORS: Final = re.compile(r"[,\s]+")
_PORTS: Final = {"http": 80, "https": 443}


def proxy_for(url: str) -> URL | None:
    """The proxy that the environment names for a URL, None without one or if `no_proxy` applies.

    This machine is never called through a proxy, which would call itself.

    Raises:
        ConfigError: it is not a URL; the message leaves it out, as it may hold a password.
    """
    parts = urlsplit(url)
    host, proxies = parts.hostname or "", getproxies()
    named = proxies.get(parts.scheme)
    if not named or is_loopback(host) or proxy_bypass(host):
        return None
    port = parts.port or _PORTS.get(parts.scheme)
    if any(_covers(entry, host, port) for entry in _SEPARATORS.split(proxies.get("no", ""))):
        return None
    try:
        # curl and others accept a bare "host:port" too.
        proxy = URL(named if "://" in named else f"http://{named}")
    except ValueError:
        proxy = URL()
    if proxy.scheme not in ("http", "https") or not proxy.host:
        raise ConfigError(
            f"the variable {parts.scheme}_proxy must look like http://user:password@host:8080/; "
            "in a password, write / @ : # ? as %2F %40 %3A %23 %3F"
        )
    return proxy


def describe_route(url: str) -> str:
    """A URL with the proxy on the way to it, for messages; without passwords."""
    proxy = proxy_for(url)
    return url if proxy is None else f"{url} (through the proxy {proxy.host}:{proxy.port})"


def _covers(entry: str, host: str, port: int | None) -> bool:
    """Whether an entry of `no_proxy` covers a host: a name, a domain, an address or a network.

    A name stands for all names below it too; "*." or "." before it changes nothing. A port after a
    colon restricts the entry to that port.
    """
    name, colon, digits = entry.rpartition(":")
    if colon and digits.isdecimal() and (":" not in name or name.endswith("]")):
        if int(digits) != port:
            return False
        entry = name
    entry = entry.strip("[]").lower().removeprefix("*").removeprefix(".")
    if not entry:
        return False
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return host.lower() == entry or host.lower().endswith(f".{entry}")
