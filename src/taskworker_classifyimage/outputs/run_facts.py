"""What is true of a whole run, as it is kept beside the rows."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from taskworker_classifyimage.errors import ConfigError

#: Settings that all rows of an output have in common.
_FIXED: Final = (
    "bridge",
    "model",
    "model_sha256",
    "temperature",
    "kind",
    "preprocessing",
    "language",
    "top",
    "min_probability",
    "categories",
    "category",
    "category_probability",
    "synonyms",
    "provenance",
    "folder",
)


def check_same_settings(
    output: Path | str, before: Mapping[str, object], facts: Mapping[str, object]
) -> None:
    """Checks that a run goes on as it was begun.

    Args:
        output: where it writes, for the message.
        before: the facts of the run that goes on.
        facts: those of now.

    Raises:
        ConfigError: rows of both would not belong together.
    """
    for name in _FIXED:
        if before.get(name) != facts.get(name):
            raise ConfigError(
                f"--resume: {output} was begun with {name} {before.get(name)!r}, this is "
                f"{facts.get(name)!r}; use the same, or another --output"
            )


def encode_facts(facts: Mapping[str, object]) -> bytes:
    """The file that keeps them: JSON."""
    text = json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
    return text.encode("utf-8", "backslashreplace")


def time_of_now() -> str:
    """The time of now as facts have it: UTC, in seconds."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
