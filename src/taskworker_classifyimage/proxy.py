"""The HTTP proxy that the environment names."""

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from yarl import URL

from taskworker_classifyimage.errors import ConfigError


def proxy_for(url: str) -> URL | None:
    """The proxy that the environment names for a URL, None without one or if `no_proxy` applies.

    Raises:
        ConfigError: it is not a URL; the message leaves it out, as it may hold a password.
    """
    parts = urlsplit(url)
    named = getproxies().get(parts.scheme)
    if not named or proxy_bypass(parts.hostname or ""):
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
