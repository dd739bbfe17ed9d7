"""The address of a TaskBridge, with what is needed to call it: credentials and TLS settings."""

import dataclasses
import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from taskworker_classifyimage.bridge_client.credentials import Credentials
from taskworker_classifyimage.bridge_client.tls import Tls
from taskworker_classifyimage.errors import ConfigError

_HIGHEST_PORT: Final = 65535
#: User and password, host and port, if none of them can be a part of another one.
_AUTHORITY: Final = re.compile(
    r"https?://(?:[^/?#@]*@)?(?:\[[^]/?#@]*\]|[^]/?#@:[]*)(?::(?P<port>[^/?#@:]*))?(?:[/?#][^@]*)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class BridgeAddress:
    """The root URL of a TaskBridge, and the credentials apart from it.

    Attributes:
        url: without credentials, safe to show, and without a slash at its end; the API is at
            `url` + "/api/".
    """

    url: str
    credentials: Credentials | None = None
    tls: Tls = field(default_factory=Tls)

    @classmethod
    def parse(cls, text: str) -> "BridgeAddress":
        """Reads "http://user:password@host:port/path/", with or without the last slash.

        Raises:
            ConfigError: it is not an http or https URL; the message repeats nothing of it, since a
                password with an unquoted "/" or "@" may be anywhere in it.
        """
        try:
            parts = urlsplit(text.strip())
            port = parts.port
            # An "@" in the path follows a password with a "/", which the URL would show.
            if port == 0 or "@" in parts.path:
                raise ValueError
        except ValueError:
            raise ConfigError(_what_is_wrong(text.strip())) from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(
                "taskbridgeurl must look like http://127.0.0.1:42000/ or https://host/"
            )
        if any(letter.isspace() for letter in parts.hostname):
            raise ConfigError("taskbridgeurl has a blank in the name of the host")
        if parts.query or parts.fragment:
            raise ConfigError("taskbridgeurl must not have a '?' or '#' part")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        netloc = host if port is None else f"{host}:{port}"
        credentials = None
        if parts.username is not None:
            credentials = Credentials.basic(unquote(parts.username), unquote(parts.password or ""))
        return cls(f"{parts.scheme}://{netloc}{parts.path.rstrip('/')}", credentials)

    def secured(self, tls: Tls, credentials: Credentials | None) -> "BridgeAddress":
        """The same bridge with TLS settings, and credentials that replace those in the URL.

        Raises:
            ConfigError: a file is missing or wrong, or the URL is not https.
        """
        if tls != Tls():
            if not self.url.startswith("https:"):
                raise ConfigError(
                    "ca-file, pin-sha256, insecure and client-cert need a taskbridgeurl with https"
                )
            tls.context()
        return dataclasses.replace(self, tls=tls, credentials=credentials or self.credentials)


def _what_is_wrong(text: str) -> str:
    """Why a text is not an address; repeats nothing but a number where the port has to be."""
    found = _AUTHORITY.fullmatch(text)
    if found is not None and found["port"]:
        digits = found["port"]
        if digits.isascii() and digits.isdigit() and int(digits[:10]) > _HIGHEST_PORT:
            return f"taskbridgeurl has the port {digits[:10]}; the highest is {_HIGHEST_PORT}"
        return f"taskbridgeurl has a port that is not a number from 1 to {_HIGHEST_PORT}"
    if found is None and "@" not in text:
        return "taskbridgeurl needs brackets around an IPv6 address, as in http://[::1]:42000/"
    return "taskbridgeurl is not a URL; in a password, write / @ : # ? as %2F %40 %3A %23 %3F"
