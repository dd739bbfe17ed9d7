"""Who may call the bridge: programs of this machine, who has a token, or all that reach it."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.loopback import is_loopback

#: What `--allow-remote` may say.
WITH_TOKEN: Final = "token"  # noqa: S105 - the word, not a secret
OPEN: Final = "open"
#: An origin that stands for all.
ANY_ORIGIN: Final = "*"

_TOKEN: Final = re.compile(r"[!-~]{16,1000}")


@dataclass(frozen=True, slots=True)
class Access:
    """What a caller must have.

    Attributes:
        token: what every call must bring; None: nothing.
        origins: other servers ("https://lab.example") whose pages may call; "*" means all.
        is_local: whether all callers are programs of this machine.
    """

    token: str | None = field(default=None, repr=False)
    origins: tuple[str, ...] = ()
    is_local: bool = True


def settle_access(
    host: str, allow_remote: str | None, token: str | None, origins: tuple[str, ...]
) -> Access:
    """What callers must have on a bridge that binds `host`.

    Args:
        host: an address or a name.
        allow_remote: `WITH_TOKEN`, `OPEN`, or None where nobody has said it.
        token: None for a bridge without one.
        origins: see `Access`.

    Raises:
        ConfigError: other machines could call, and nobody has said that they may.
    """
    is_local = is_loopback(host)
    if not is_local:
        if allow_remote is None:
            raise ConfigError(
                f"on {host} other machines can call the bridge: add --allow-remote and "
                "--bridge-token-file FILE, or --allow-remote open to let everybody in"
            )
        if allow_remote == WITH_TOKEN and token is None:
            raise ConfigError(
                "--allow-remote needs a token: name a file that holds one with "
                "--bridge-token-file, or say --allow-remote open to let everybody in"
            )
    return Access(token, origins, is_local)


def read_token(path: Path) -> str:
    """The token in a file that holds nothing else.

    Raises:
        ConfigError: there is no such file, or no token in it.
    """
    try:
        return checked_token(path.read_text(encoding="utf-8").strip(), f"token file {path}")
    except OSError as err:
        raise ConfigError(f"token file {path}: {err.strerror or err}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"token file {path} is no text") from None


def checked_token(token: str, where: str) -> str:
    """The token, if it can be one; the error does not show it.

    Raises:
        ConfigError: it can be guessed, or cannot be sent.
    """
    if _TOKEN.fullmatch(token) is None:
        raise ConfigError(
            f"{where}: a token has 16 to 1000 letters, digits and signs, and no spaces; "
            'python -c "import secrets; print(secrets.token_urlsafe())" makes one'
        )
    return token
