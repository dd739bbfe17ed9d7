"""Says how a setting is given: its text, its place in help, and its default for people."""

from collections.abc import Callable, Sequence
from typing import Any

from cyclopts import Parameter, Token

from taskworker_classifyimage import readers


def setting(
    read: Callable[[str], object],
    metavar: str,
    help: str,  # noqa: A002 - as `Parameter` calls it
    default: str | None = None,
    **more: Any,
) -> Parameter:
    """A setting with a value.

    Args:
        read: gives a text's value, or raises a `ValueError` that says what it must be.
        metavar: stands for the value in help.
        help: what it is for, without its default.
        default: describes the default where the field's own value does not.
        more: see `Parameter`.
    """

    def convert(_kind: object, tokens: Sequence[Token]) -> object:
        return read(tokens[-1].value)

    fixed = {
        # One text each, whatever the type.
        "accepts_keys": False,
        "json_dict": False,
        "json_list": False,
        "n_tokens": 1,
        "negative": (),
        # Of a flag that is given again the last one counts.
        "allow_repeating": True,
    }
    if default is not None:
        more["show_default"] = lambda _value: default
    return Parameter(metavar=metavar, help=help, **{"converter": convert, **fixed, **more})


def switch(help: str, **more: Any) -> Parameter:  # noqa: A002 - as above
    """A setting that is on or off, and off by default."""
    return setting(readers.yes_no, "", help, show_default=False, n_tokens=None, **more)


def path(metavar: str, help: str, default: str | None = None) -> Parameter:  # noqa: A002 - as above
    """The path of a file or a folder."""
    return setting(readers.path, metavar, help, default)


def text(metavar: str, help: str, default: str | None = None) -> Parameter:  # noqa: A002 - as above
    """Any text but an empty one."""
    return setting(readers.text, metavar, help, default)


def number(lowest: int, highest: int, metavar: str, *texts: str) -> Parameter:
    """A whole number within these bounds; `texts` are help and default."""
    return setting(readers.whole_number(lowest, highest), metavar, *texts)


def word(words: Sequence[str], metavar: str, *texts: str) -> Parameter:
    """One of some words; `texts` are help and default."""
    return setting(readers.one_of(*words), metavar, *texts)
