"""A TOML file's values, each of which is checked when it is got."""

import re
import tomllib
from typing import Any, Final, NoReturn, TypeVar

from taskworker_classifyimage.classify.base import ILSVRC2012
from taskworker_classifyimage.classify.model_pack import Triple
from taskworker_classifyimage.errors import ModelError

_MOST_CLASSES: Final = 100_000
#: Limit for the numbers of a scaling: float32 holds little more.
_LARGEST: Final = 1e38

T = TypeVar("T")


class TomlTable:
    """A TOML file's values by dotted keys such as "input.size"; `get_` refuses what is wrong."""

    def __init__(self, subject: str, content: bytes) -> None:
        self._subject = subject
        try:
            self._table = tomllib.loads(content.decode("utf-8"))
        except (ValueError, RecursionError) as err:
            # ValueError: bad TOML, bad UTF-8, or a number of thousands of digits.
            raise ModelError(f"{subject} is not valid TOML: {err}") from None

    def refuse(self, key: str, problem: str) -> NoReturn:
        """Raises `ModelError`: the file, the key and what is wrong with it."""
        raise ModelError(f"{self._subject}: {key} {problem}")

    def list_keys(self) -> list[str]:
        """The keys at the top."""
        return list(self._table)

    def get_all_texts(self, key: str) -> dict[str, str]:
        """The texts in a table at the top, by their keys, which may hold anything."""
        values = self.get(key)
        if not isinstance(values, dict):
            self.refuse(key, "must be a table of names, by class id")
        return {each: self._check_text(f"{key}: {each!r}", text) for each, text in values.items()}

    def find(self, key: str) -> Any:
        """The value, None if there is none."""
        value: Any = self._table
        for part in key.split("."):
            if not isinstance(value, dict):
                return None
            value = value.get(part)
        return value

    def get(self, key: str) -> Any:
        """The value, which must be there."""
        value = self.find(key)
        if value is None:
            self.refuse(key, "is missing")
        return value

    def get_text(self, key: str) -> str:
        """A short printable text."""
        return self._check_text(key, self.get(key))

    def get_texts(self, key: str) -> tuple[str, ...]:
        """A list of such texts."""
        values = self.get(key)
        if not isinstance(values, list) or not 1 <= len(values) <= _MOST_CLASSES:
            self.refuse(key, f'must be a list of 1 to {_MOST_CLASSES} texts, or "{ILSVRC2012}"')
        return tuple(self._check_text(key, value) for value in values)

    def get_match(self, key: str, pattern: re.Pattern[str], allowed: str) -> str:
        """A text of this pattern; `allowed` says it in words."""
        text = self.get_text(key)
        if not pattern.fullmatch(text):
            self.refuse(key, f"must be {allowed}")
        return text

    def get_choice(self, key: str, choices: tuple[T, ...]) -> T:
        """One of these."""
        value = self.get(key)
        for choice in choices:
            if value == choice:
                return choice
        return self.refuse(key, f"must be one of {', '.join(map(repr, choices))}")

    def get_number(self, key: str, least: float, most: float) -> float:
        """A number within these bounds."""
        value = self.get(key)
        if not isinstance(value, int | float) or isinstance(value, bool):
            self.refuse(key, "must be a number")
        if not least <= value <= most:
            self.refuse(key, f"must be from {least} to {most}")
        return float(value)

    def get_triple(self, key: str) -> Triple:
        """Three numbers."""
        values = self.get(key)
        if not isinstance(values, list) or len(values) != 3:
            self.refuse(key, "must be three numbers")
        for value in values:
            if not isinstance(value, int | float) or not abs(value) <= _LARGEST:
                self.refuse(key, f"must be three numbers, none beyond {_LARGEST:g}")
        return (float(values[0]), float(values[1]), float(values[2]))

    def _check_text(self, key: str, value: object) -> str:
        if not isinstance(value, str) or not 1 <= len(value) <= 500 or not value.isprintable():
            self.refuse(key, "must be 1 to 500 printable characters")
        return value
