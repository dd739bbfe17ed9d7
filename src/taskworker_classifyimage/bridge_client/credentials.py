"""The worker's credentials at a bridge: a user's password or a token.

They come from a file or the environment, since all users of a machine can read its command lines.
"""

import base64
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from taskworker_classifyimage.errors import ConfigError

_LIMIT_BYTES = 16_384
#: RFC 6750, section 2.1.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


@dataclass(frozen=True, slots=True)
class Credentials:
    """The value of the header `Authorization`; its repr shows nothing of it."""

    header: str = field(repr=False)

    @classmethod
    def basic(cls, user: str, password: str) -> Self:
        """A user's password, as in RFC 7617.

        Raises:
            ConfigError: the user's name contains a ":", which would begin the password.
        """
        if ":" in user:
            raise ConfigError("a user's name cannot contain a ':'")
        try:
            encoded = base64.b64encode(f"{user}:{password}".encode())
        except UnicodeEncodeError:
            raise ConfigError("user or password is not text in UTF-8") from None
        return cls(f"Basic {encoded.decode()}")

    @classmethod
    def bearer(cls, token: str) -> Self:
        """A token, as in RFC 6750."""
        return cls(f"Bearer {token}")

    @classmethod
    def parse(cls, text: str, where: str) -> Self:
        """Reads "USER:PASSWORD" or "Bearer TOKEN", on one line.

        Args:
            text: the credentials; no message repeats them.
            where: the source of the text, for the message.

        Raises:
            ConfigError: it is neither.
        """
        line = text.strip("\r\n")
        kind, _, token = line.partition(" ")
        if kind == "Bearer" and _TOKEN.fullmatch(token.strip()):
            return cls.bearer(token.strip())
        user, colon, password = line.partition(":")
        if kind == "Bearer" or not colon or not line.isprintable():
            raise ConfigError(f"{where} must be one line, USER:PASSWORD or Bearer TOKEN")
        return cls.basic(user, password)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads a file with one such line.

        Raises:
            ConfigError: the file cannot be read, or contains something else.
        """
        try:
            with path.open("rb") as stream:
                content = stream.read(_LIMIT_BYTES)
            # Editors on Windows begin a file with a byte order mark.
            text = content.decode("utf-8-sig")
        except OSError as err:
            raise ConfigError(f"auth-file {path}: {err.strerror or err}") from None
        except UnicodeDecodeError:
            raise ConfigError(f"auth-file {path} is not text in UTF-8") from None
        return cls.parse(text, f"auth-file {path}")
