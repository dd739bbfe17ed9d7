"""JSON from an untrusted sender, parsed to the expected types or refused."""

import json
from dataclasses import is_dataclass
from functools import cache
from typing import Any, Final, get_args, get_origin, get_type_hints

_MAX_CHARACTERS: Final = 300
_MAX_ITEMS: Final = 50
#: Numbers have to be smaller than this, positive or negative.
_NUMBER_LIMIT: Final = 2**63

_SCALARS: Final = (str, int, float, bool)


def parse_untrusted(encoded: bytes, kind: Any) -> Any:
    """Parses JSON to a scalar, or to a tuple or a dataclass of such kinds.

    In texts, unprintable characters become blanks; after 300 characters they are cut.

    Raises:
        ValueError: it is anything else.
    """
    try:
        return _convert(json.loads(encoded), kind)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _convert(value: object, kind: Any) -> Any:
    if get_origin(kind) is tuple and isinstance(value, list) and len(value) <= _MAX_ITEMS:
        return tuple(_convert(item, get_args(kind)[0]) for item in value)
    if isinstance(kind, type) and is_dataclass(kind) and isinstance(value, dict):
        kinds = _get_field_kinds(kind)
        if value.keys() == kinds.keys():
            return kind(**{name: _convert(value[name], kinds[name]) for name in kinds})
    if kind in _SCALARS and type(value) is kind and not _is_huge(value):
        return _clean(value) if isinstance(value, str) else value
    raise ValueError(f"{type(value).__name__} where {kind.__name__} is expected")


@cache
def _get_field_kinds(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _is_huge(value: object) -> bool:
    return isinstance(value, int | float) and not -_NUMBER_LIMIT < value < _NUMBER_LIMIT


def _clean(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text[:_MAX_CHARACTERS])
