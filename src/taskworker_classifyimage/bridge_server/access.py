"""Who may call the bridge: programs of this machine, callers with a token, or everybody."""

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Final

from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.loopback import is_loopback

#: An address or a network, as settings name those of proxies.
Network = IPv4Network | IPv6Network
#: The values of `--allow-remote`.
WITH_TOKEN: Final = "token"  # noqa: S105 - a flag's value, not a secret
OPEN: Final = "open"
#: An origin that stands for all origins.
ANY_ORIGIN: Final = "*"

_TOKEN: Final = re.compile(r"[!-~]{16,1000}")


@dataclass(frozen=True, slots=True)
class Access:
    """What callers need.

    Attributes:
        token: what every call must send; None: nothing.
        origins: other servers ("https://lab.example") whose pages may call; "*" means all.
        is_local: whether the bridge listens on a loopback address only.
        proxies: addresses of reverse proxies whose X-Forwarded-* headers count, besides those of
            this machine.
    """

    token: str | None = field(default=None, repr=False)
    origins: tuple[str, ...] = ()
    is_local: bool = True
    proxies: tuple[Network, ...] = ()


def settle_access(
    host: str,
    allow_remote: str | None,
    token: str | None,
    origins: tuple[str, ...],
    proxies: tuple[Network, ...] = (),
) -> Access:
    """Decides what callers need on a bridge that binds `host`.

    Args:
        host: an address or a name.
        allow_remote: `WITH_TOKEN`, `OPEN`, or None if the flag is not set.
        token: None for a bridge without one.
        origins: see `Access`.
        proxies: see `Access`.

    Raises:
        ConfigError: other machines could call, and the settings do not allow it.
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
                "--allow-remote needs a token: name the file that holds it with "
                "--bridge-token-file, or use --allow-remote open to let everybody in"
            )
    return Access(token, origins, is_local, proxies)


def read_token(path: Path) -> str:
    """Reads the token from a file that holds nothing else.

    Raises:
        ConfigError: the file cannot be read, or holds no valid token.
    """
    try:
        return check_token(path.read_text(encoding="utf-8").strip(), f"token file {path}")
    except OSError as err:
        raise ConfigError(f"token file {path}: {err.strerror or err}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"token file {path} is not UTF-8 text") from None


def check_token(token: str, where: str) -> str:
    """Returns a valid token; the error does not show an invalid one.

    Raises:
        ConfigError: it is too short to be secret, or cannot be sent in a header.
    """
    if _TOKEN.fullmatch(token) is None:
        raise ConfigError(
            f"{where}: a token has 16 to 1000 letters, digits and signs, and no spaces; "
            'python -c "import secrets; print(secrets.token_urlsafe())" makes one'
        )
    return token
