"""What a case of Project VIC adds to a run of `classify`."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.local.vics.case import Case
from taskworker_classifyimage.outputs.formats import Output
from taskworker_classifyimage.settings.classify_areas import Files

if TYPE_CHECKING:
    from taskworker_classifyimage.outputs.vics_file import Written


def find_case(named: Files, tell: Callable[[str], None]) -> Case | None:
    """The case that the user named; reads nothing yet. `tell` gets lines for the user."""
    if named.vics is None:
        if named.vics_files is not None:
            raise ConfigError("--vics-files goes with --vics")
        return None
    return Case(named.vics, named.vics_files or named.vics.parent, tell)


def check_case(case: Case | None, outputs: Sequence[Output]) -> None:
    """Checks that a case can be written to the outputs.

    Raises:
        ConfigError: there is no case, or it would be overwritten.
    """
    for output in outputs:
        if output.format == "vics":
            if case is None:
                raise ConfigError(
                    f"--output {output.path}: .json is a case of Project VIC and needs --vics; for "
                    "one JSON object a file use .jsonl"
                )
            if output.path.exists() and case.path.exists() and output.path.samefile(case.path):
                raise ConfigError(
                    f"--output {output.path} is the case itself, which is never changed: choose "
                    "another file"
                )


def describe_case(written: "Written") -> str:
    """One line: how many media of the case are what."""
    parts = [
        f"{written.media:,} media",
        f"{written.classified:,} classified",
        f"{written.tagged:,} with names in their tags",
    ]
    if written.without_file:
        parts.append(f"{written.without_file:,} name no file")
    if written.unusual:
        parts.append(f"{written.unusual:,} left as they are: their tags have an unknown form")
    return f"case: {', '.join(parts)}"
