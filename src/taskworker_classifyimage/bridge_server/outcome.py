"""Whether a result says that its task has failed."""

import json
from typing import Any, Final

import msgspec

#: Enough for a code and a message; a list shows many.
_SHOWN: Final = 300


class _Outcome(msgspec.Struct):
    error: Any = None
    code: Any = None


_DECODER: Final = msgspec.json.Decoder(_Outcome)


def find_error(result: str | None) -> str | None:
    """The code and the message of a result that has an `error`, as "code: message"; else None.

    Args:
        result: JSON text of any kind; None if there is none.
    """
    if result is None or '"error"' not in result:
        return None
    outcome = _read(result)
    if outcome.error is None:
        return None
    code = f"{outcome.code}: " if isinstance(outcome.code, str) else ""
    # SQLite stores UTF-8, which has no surrogates.
    return f"{code}{outcome.error}"[:_SHOWN].encode("utf-8", "backslashreplace").decode()


def _read(result: str) -> _Outcome:
    try:
        return _DECODER.decode(result)
    except msgspec.ValidationError:
        return _Outcome()
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        # It also reads half surrogate pairs, which JSON may contain.
        parsed = json.loads(result)
    except (ValueError, RecursionError):
        return _Outcome()
    if not isinstance(parsed, dict):
        return _Outcome()
    return _Outcome(parsed.get("error"), parsed.get("code"))
