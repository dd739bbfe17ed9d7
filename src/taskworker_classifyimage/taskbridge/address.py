"""Where a TaskBridge is, and who we are to it."""

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from taskworker_classifyimage.errors import ConfigError


@dataclass(frozen=True, slots=True)
class BridgeAddress:
    """A TaskBridge's root URL without credentials, safe to show, and the credentials apart.

    Attributes:
        url: ends without a slash; the API lies at `url` + "/api/".
    """

    url: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, text: str) -> "BridgeAddress":
        """Reads "http://user:password@host:port/path/", with or without the last slash.

        Raises:
            ConfigError: it is no http or https URL.
        """
        try:
            parts = urlsplit(text.strip())
            port = parts.port
        except ValueError as err:
            raise ConfigError(f"taskbridgeurl is no URL: {err}") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(
                "taskbridgeurl must look like http://127.0.0.1:42000/ or https://host/"
            )
        if parts.query or parts.fragment:
            raise ConfigError("taskbridgeurl must not have a '?' or '#' part")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        netloc = host if port is None else f"{host}:{port}"
        return cls(
            url=f"{parts.scheme}://{netloc}{parts.path.rstrip('/')}",
            username=unquote(parts.username) if parts.username is not None else None,
            password=unquote(parts.password) if parts.password is not None else None,
        )
