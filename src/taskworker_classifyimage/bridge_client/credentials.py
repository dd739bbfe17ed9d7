"""Who we are to a bridge: a user's password or a token.

They come from a file or the environment: every user of a machine can read the command lines of all.
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
    """What is sent as `Authorization`; shows nothing of it.

    Attributes:
        header: the header's value.
    """

    header: str = field(repr=False)

    @classmethod
    def basic(cls, user: str, password: str) -> Self:
        """A user's password, as in RFC 7617.

        Raises:
            ConfigError: the user's name has a ":", which would begin the password.
        """
        if ":" in user:
            raise ConfigError("a user's name cannot have a ':'")
        try:
            encoded = base64.b64encode(f"{user}:{password}".encode())
        except UnicodeEncodeError:
            raise ConfigError("user or password is no text in UTF-8") from None
        return cls(f"Basic {encoded.decode()}")

    @classmethod
    def bearer(cls, token: str) -> Self:
        """A token, as in RFC 6750."""
        return cls(f"Bearer {token}")

    @classmethod
    def parse(cls, text: str, where: str) -> Self:
        """Reads "USER:PASSWORD" or "Bearer TOKEN", on one line.

        Args:
            text: the credentials, which no message repeats.
            where: they come from, for the message.

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
            ConfigError: it cannot be read, or has something else in it.
        """
        try:
            with path.open("rb") as stream:
                content = stream.read(_LIMIT_BYTES)
            # Editors on Windows begin a file with a byte order mark.
            text = content.decode("utf-8-sig")
        except OSError as err:
            raise ConfigError(f"auth-file {path}: {err.strerror or err}") from None
        except UnicodeDecodeError:
            raise ConfigError(f"auth-file {path} is no text in UTF-8") from None
        return cls.parse(text, f"auth-file {path}")
