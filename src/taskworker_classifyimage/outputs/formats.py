"""The formats of outputs, and which one a file's name asks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from taskworker_classifyimage.errors import ConfigError

Format = Literal["jsonl", "csv", "parquet", "sqlite", "html", "vics"]

_ENDINGS: Final[dict[str, Format]] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".sqlite": "sqlite",
    ".db": "sqlite",
    ".html": "html",
    ".htm": "html",
    ".json": "vics",
}


@dataclass(frozen=True, slots=True)
class Output:
    """A file that a run writes."""

    path: Path
    format: Format


def choose_outputs(paths: Sequence[Path], given: Format | None) -> tuple[Output, ...]:
    """The outputs by the endings of their names, or all of one format.

    Raises:
        ConfigError: an ending is not known, a folder is missing, or a file is named twice.
    """
    for path in paths:
        if given is None and path.suffix.lower() not in _ENDINGS:
            known = ", ".join(dict.fromkeys(_ENDINGS))
            raise ConfigError(f"--output {path}: its name must end in one of {known}; or --format")
        if path.is_dir() or not path.absolute().parent.is_dir():
            fault = "is a folder" if path.is_dir() else f"there is no folder {path.parent}"
            raise ConfigError(f"--output {path}: {fault}")
    if len({path.absolute() for path in paths}) < len(paths):
        raise ConfigError("--output: a file is named twice")
    return tuple(Output(path, given or _ENDINGS[path.suffix.lower()]) for path in paths)
