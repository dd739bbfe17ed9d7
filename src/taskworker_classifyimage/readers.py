"""Texts to values, for settings: each reader raises a `ValueError` that says what a text must be.

The message follows the setting's name: "bridge-port" "must be from 0 to 65535".
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from taskworker_classifyimage.bridge_server.access import ANY_ORIGIN
from taskworker_classifyimage.errors import BadRequest
from taskworker_classifyimage.tasks import parse_request

#: As a browser writes it: no path, not even a slash.
_ORIGIN: Final = re.compile(
    r"https?://[a-z0-9.\-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:.]+\](:[0-9]{1,5})?"
)
_DURATION: Final = re.compile(r"([0-9]{1,9})([smhd]?)", re.ASCII)
_UNITS_S: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST_S: Final = 30 * 86400.0


def text(given: str) -> str:
    """Any text but an empty one."""
    if not given:
        raise ValueError("must not be empty")
    return given


def path(given: str) -> Path:
    """A path; nobody looks whether anything is there."""
    return Path(text(given))


def texts(given: str) -> tuple[str, ...]:
    """Texts separated by commas."""
    return tuple(text(part.strip()) for part in given.split(","))


def yes_no(given: str) -> bool:
    """As TOML and JSON write it."""
    if given not in ("true", "false"):
        raise ValueError("must be true or false")
    return given == "true"


def one_of(*choices: str) -> Callable[[str], str]:
    """A reader of one of these words."""

    def read(given: str) -> str:
        if given not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return given

    return read


def whole_number(lowest: int, highest: int) -> Callable[[str], int]:
    """A reader of numbers within these bounds."""

    def read(given: str) -> int:
        if not (given.isascii() and given.isdigit() and len(given) < 10):
            raise ValueError(f"must be a whole number from {lowest} to {highest}")
        if not lowest <= int(given) <= highest:
            raise ValueError(f"must be from {lowest} to {highest}")
        return int(given)

    return read


def seconds(given: str) -> float:
    """A time such as "90s", "10m", "2h" or "1d", 1 s to 30 days; a bare number is seconds."""
    matched = _DURATION.fullmatch(given)
    if matched is None:
        raise ValueError("must be a time such as 90s, 10m or 2h")
    time_s = float(matched[1]) * _UNITS_S[matched[2]]
    if not 1 <= time_s <= _LONGEST_S:
        raise ValueError("must be from 1s to 30d")
    return time_s


def worker_name(given: str) -> str:
    """A name that a bridge and a log can show."""
    if not 1 <= len(given) <= 200 or not given.isprintable():
        raise ValueError("must have 1 to 200 printable characters")
    return given


def origins(given: str) -> tuple[str, ...]:
    """Origins of web pages (RFC 6454, section 6.2), separated by commas; "*" stands for all."""
    found = texts(given)
    for origin in found:
        if origin != ANY_ORIGIN and not _ORIGIN.fullmatch(origin):
            raise ValueError("must look like https://lab.example or http://10.0.0.5:8080, or be *")
    return found


def as_task_data(key: str) -> Callable[[str], str]:
    """A reader of what a task's data may have under this key; gives the text as it is."""

    def read(given: str) -> str:
        try:
            parse_request({key: given})
        except BadRequest as err:
            raise ValueError(str(err).removeprefix(f"{key} ").rpartition(", not ")[0]) from None
        return given

    return read
