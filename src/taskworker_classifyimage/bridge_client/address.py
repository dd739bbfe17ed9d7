"""Where a TaskBridge is, who we are to it, and how it is known to be the right one."""

import dataclasses
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from taskworker_classifyimage.bridge_client.credentials import Credentials
from taskworker_classifyimage.bridge_client.tls import Tls
from taskworker_classifyimage.errors import ConfigError


@dataclass(frozen=True, slots=True)
class BridgeAddress:
    """A TaskBridge's root URL without credentials, safe to show, and the credentials apart.

    Attributes:
        url: ends without a slash; the API lies at `url` + "/api/".
    """

    url: str
    credentials: Credentials | None = None
    tls: Tls = field(default_factory=Tls)

    @classmethod
    def parse(cls, text: str) -> "BridgeAddress":
        """Reads "http://user:password@host:port/path/", with or without the last slash.

        Raises:
            ConfigError: it is no http or https URL; the message repeats none of it, since a
                password with a stray "/" or "@" may be anywhere in it.
        """
        try:
            parts = urlsplit(text.strip())
            port = parts.port
        except ValueError:
            raise ConfigError(
                "taskbridgeurl is no URL; in a password, write / @ : # ? as %2F %40 %3A %23 %3F"
            ) from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(
                "taskbridgeurl must look like http://127.0.0.1:42000/ or https://host/"
            )
        if parts.query or parts.fragment:
            raise ConfigError("taskbridgeurl must not have a '?' or '#' part")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        netloc = host if port is None else f"{host}:{port}"
        credentials = None
        if parts.username is not None:
            credentials = Credentials.basic(unquote(parts.username), unquote(parts.password or ""))
        return cls(f"{parts.scheme}://{netloc}{parts.path.rstrip('/')}", credentials)

    def secured(self, tls: Tls, credentials: Credentials | None) -> "BridgeAddress":
        """The same bridge, called this way; credentials take the place of those in the URL.

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
