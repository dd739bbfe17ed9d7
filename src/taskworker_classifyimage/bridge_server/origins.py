"""Origins of web pages, compared as browsers do: without regard to case and default ports."""

from typing import Final
from urllib.parse import urlsplit

_PORTS: Final = {"http": 80, "https": 443}

#: Scheme, host and port.
Origin = tuple[str, str, int]


def parse_origin(text: str) -> Origin | None:
    """Parses an `Origin`; None if it is none, as "null" is."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    is_bare = text.lower() == f"{scheme}://{parts.netloc}".lower() and "@" not in parts.netloc
    if scheme not in _PORTS or not parts.hostname or not is_bare:
        return None
    return scheme, parts.hostname, port if port is not None else _PORTS[scheme]


def is_of_host(origin: Origin, host: str) -> bool:
    """Whether a page has been read from this `Host`, by whichever scheme."""
    return parse_origin(f"{origin[0]}://{host}") == origin
