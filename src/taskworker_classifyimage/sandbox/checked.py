"""JSON of a sender that is not trusted, as the types that it has to be."""

import json
from dataclasses import is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

_MOST_LETTERS: Final = 300
_MOST_ITEMS: Final = 50
_LARGEST: Final = 2**63

_SCALARS: Final = (str, int, float, bool, NoneType)


def checked_json(encoded: bytes, kind: Any) -> Any:
    """JSON as a dataclass of scalars, a scalar, a tuple of such or a union of such.

    Texts lose what cannot be printed, and all but their first 300 letters.

    Raises:
        ValueError: it is anything else.
    """
    try:
        return _checked(json.loads(encoded), kind)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _checked(value: object, kind: Any) -> Any:
    if get_origin(kind) in (Union, UnionType):
        return _first_fitting(value, get_args(kind))
    if get_origin(kind) is tuple and isinstance(value, list) and len(value) <= _MOST_ITEMS:
        return tuple(_checked(item, get_args(kind)[0]) for item in value)
    if isinstance(kind, type) and is_dataclass(kind) and isinstance(value, dict):
        kinds = _fields(kind)
        if value.keys() == kinds.keys():
            return kind(**{name: _checked(value[name], kinds[name]) for name in kinds})
    if kind in _SCALARS and type(value) is kind and not _is_huge(value):
        return _printable(value) if isinstance(value, str) else value
    raise ValueError(f"{type(value).__name__} where {kind} is expected")


def _first_fitting(value: object, kinds: tuple[Any, ...]) -> Any:
    for kind in kinds:
        try:
            return _checked(value, kind)
        except ValueError:
            continue
    raise ValueError(f"{type(value).__name__} where one of {kinds} is expected")


@cache
def _fields(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _is_huge(value: object) -> bool:
    return isinstance(value, int | float) and not -_LARGEST < value < _LARGEST


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text[:_MOST_LETTERS])
