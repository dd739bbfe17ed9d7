"""How a setting is declared: the parameter that cyclopts needs, and the reader of the text.

A reader raises a `ValueError` whose message follows the setting's name: "bridge-port" "must be
from 0 to 65535". The text for help stands in the docstring of the class that has the setting.
"""

import re
from collections.abc import Callable, Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Final, get_args

from cyclopts import Parameter, Token

from taskworker_classifyimage.bridge_server.access import ANY_ORIGIN, Network
from taskworker_classifyimage.errors import BadRequest
from taskworker_classifyimage.tasks import parse_request

#: As a browser writes it: no path, not even a slash.
_ORIGIN: Final = re.compile(
    r"https?://[a-z0-9.\-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:.]+\](:[0-9]{1,5})?"
)
_PROBABILITY: Final = re.compile(r"0?\.[0-9]{1,15}|0|1|1\.0{1,15}", re.ASCII)
_SHARE: Final = re.compile(r"[0-9]{1,3}(\.[0-9]{1,2})?", re.ASCII)
_HOST_AND_PORT: Final = re.compile(
    r"[A-Za-z0-9.\-]+:[0-9]{1,5}|\[[0-9A-Fa-f:.]+\]:[0-9]{1,5}", re.ASCII
)
_DURATION: Final = re.compile(r"([0-9]{1,9})([smhd]?)", re.ASCII)
_UNITS_S: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST_S: Final = 30 * 86400.0


def read_switch(given: str) -> bool:
    """Reads `true` or `false`, as TOML and JSON write them."""
    if given not in ("true", "false"):
        raise ValueError("must be true or false")
    return given == "true"


def read_text(given: str) -> str:
    """Reads any text but an empty one."""
    if not given:
        raise ValueError("must not be empty")
    return given


def read_path(given: str) -> Path:
    """Reads a path, which need not exist."""
    return Path(read_text(given))


def read_list(given: str) -> tuple[str, ...]:
    """Reads texts separated by commas."""
    return tuple(read_text(part.strip()) for part in given.split(","))


def read_time(given: str) -> float:
    """Reads a time such as "90s", "10m", "2h" or "1d", 1 s to 30 days; a bare number is seconds."""
    matched = _DURATION.fullmatch(given)
    if matched is None:
        raise ValueError("must be a time such as 90s, 10m or 2h")
    time_s = float(matched[1]) * _UNITS_S[matched[2]]
    if not 1 <= time_s <= _LONGEST_S:
        raise ValueError("must be from 1s to 30d")
    return time_s


def read_worker_name(given: str) -> str:
    """Reads a name that a bridge and a log can show."""
    if not 1 <= len(given) <= 200 or not given.isprintable():
        raise ValueError("must have 1 to 200 printable characters")
    if given != given.strip():
        raise ValueError("must not begin or end with a blank, which nobody sees in a list")
    return given


def read_origins(given: str) -> tuple[str, ...]:
    """Reads origins of web pages (RFC 6454, section 6.2), separated by commas; "*" means all."""
    origins = read_list(given)
    for origin in origins:
        if origin != ANY_ORIGIN and not _ORIGIN.fullmatch(origin):
            raise ValueError("must look like https://lab.example or http://10.0.0.5:8080, or be *")
    return origins


def read_networks(given: str) -> tuple[Network, ...]:
    """Reads addresses and networks, such as 10.0.0.0/8, separated by commas."""
    try:
        return tuple(ip_network(text, strict=False) for text in read_list(given))
    except ValueError:
        raise ValueError("must be addresses or networks such as 172.18.0.0/16") from None


def setting(
    metavar: str,
    read: Callable[[str], object] = read_text,
    *,
    default: str | None = None,
    **more: Any,
) -> Parameter:
    """A setting with a value.

    Args:
        metavar: stands for the value in help.
        read: returns the value of a text.
        default: describes the default where the field's own value does not.
        more: see `Parameter`.
    """

    def convert(_kind: object, tokens: Sequence[Token]) -> object:
        return read(tokens[-1].value)

    fixed = {
        # One text for each setting, whatever its type.
        "accepts_keys": False,
        "json_dict": False,
        "json_list": False,
        "n_tokens": 1,
        "negative": (),
        # If a flag is given more than once, the last one counts.
        "allow_repeating": True,
    }
    if default is not None:
        more["show_default"] = lambda _value: default
    return Parameter(metavar=metavar, **{"converter": convert, **fixed, **more})


def several(metavar: str, read: Callable[[str], object] = read_text, **more: Any) -> Parameter:
    """A setting that can be given more than once; all values count."""

    def convert(_kind: object, tokens: Sequence[Token]) -> object:
        return tuple(read(token.value) for token in tokens)

    return setting(metavar, converter=convert, default="none", **more)


def read_share(given: str) -> float:
    """Reads a number of GPUs: a part of one, or some."""
    if not _SHARE.fullmatch(given):
        raise ValueError("must be a number of GPUs, such as 1 or 0.5, with two decimals at most")
    share = float(given)
    if share > 1 and share != int(share):
        raise ValueError("must be a whole number of GPUs, or a part of one")
    return share


def read_ray_address(given: str) -> str:
    """Reads the address of a Ray cluster."""
    if given != "auto" and not _HOST_AND_PORT.fullmatch(given):
        raise ValueError("must look like 10.0.0.5:6379, or be auto on a machine of the cluster")
    return given


def read_probability(given: str) -> float:
    """Reads a probability, 0 to 1."""
    if not _PROBABILITY.fullmatch(given):
        raise ValueError("must be from 0 to 1, such as 0.3")
    return float(given)


def switch(**more: Any) -> Parameter:
    """A setting that is on or off, and off by default."""
    return setting("", read_switch, show_default=False, n_tokens=None, **more)


def folder(default: str | None = None) -> Parameter:
    """The path of a folder."""
    return setting("DIR", read_path, default=default)


def number(metavar: str, lowest: int, highest: int, **more: Any) -> Parameter:
    """A whole number within these bounds."""

    def read(given: str) -> int:
        if not (given.isascii() and given.isdigit() and len(given) < 10):
            raise ValueError(f"must be a whole number from {lowest} to {highest}")
        if not lowest <= int(given) <= highest:
            raise ValueError(f"must be from {lowest} to {highest}")
        return int(given)

    return setting(metavar, read, **more)


def choice(metavar: str, **more: Any) -> Parameter:
    """One of the words that the setting's type has in a `Literal`."""

    def convert(kind: object, tokens: Sequence[Token]) -> str:
        choices = _words_in(kind)
        if tokens[-1].value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return tokens[-1].value

    return setting(metavar, converter=convert, **more)


def task_data(metavar: str, key: str) -> Parameter:
    """A text that a task's data may have under this key."""

    def read(given: str) -> str:
        try:
            parse_request({key: given})
        except BadRequest as err:
            raise ValueError(str(err).removeprefix(f"{key} ").rpartition(", not ")[0]) from None
        return given

    return setting(metavar, read)


def _words_in(kind: object) -> list[str]:
    parts = get_args(kind)
    return [
        word for part in parts for word in ([part] if isinstance(part, str) else _words_in(part))
    ]


Switch = Annotated[bool, switch()]
Text = Annotated[str | None, setting("TEXT")]
File = Annotated[Path | None, setting("FILE", read_path)]
