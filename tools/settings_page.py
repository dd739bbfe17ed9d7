"""Writes the tables of docs/settings.md from the declarations of the settings.

    python tools/settings_page.py

A test fails if the page is out of date.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from cyclopts import Argument

from taskworker_classifyimage.command_line import build_app
from taskworker_classifyimage.settings.sources import (
    NAMES,
    keys_of,
    name_of,
    settings_in,
    variables_of,
)

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"
_BEGIN, _END = "<!-- tables written by tools/settings_page.py -->", "<!-- end of tables -->"
_HEAD = "| flag | variables | key | default | meaning |\n|---|---|---|---|---|"


def main() -> None:
    """Updates the page."""
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def updated(page: str) -> str:
    """The page with current tables."""
    before, _, rest = page.partition(_BEGIN)
    return f"{before}{_BEGIN}\n\n{_tables()}\n\n{_END}{rest.partition(_END)[2]}"


def _tables() -> str:
    areas: dict[str, list[str]] = {}
    for argument in _settings():
        areas.setdefault(_area(argument), []).append(_row(argument))
    return "\n\n".join("\n".join((f"### {area}\n", _HEAD, *rows)) for area, rows in areas.items())


def _settings() -> Iterator[Argument]:
    """All settings, in the order of help."""
    app, seen = build_app({}), set()
    for command in ("work", "classify"):
        arguments = app[command].assemble_argument_collection(parse_docstring=True)
        for argument in settings_in(arguments):
            if name_of(argument) not in seen:
                seen.add(name_of(argument))
                yield argument
    assert seen == set(NAMES)


def _area(argument: Argument) -> str:
    [group, *_] = argument.parameter.group or ()
    return group if isinstance(group, str) else group.name


def _row(argument: Argument) -> str:
    name, parameter = name_of(argument), argument.parameter
    cells = (
        _codes(f"{flag} {parameter.metavar}".strip() for flag in argument.names),
        _codes(variables_of(name)),
        _codes(keys_of(name)),
        _default(argument),
        (parameter.help or "") + _choices(argument),
    )
    return f"| {' | '.join(cells)} |"


def _codes(texts: Iterable[str]) -> str:
    return "<br>".join(f"`{text}`" for text in texts)


def _default(argument: Argument) -> str:
    shown, default = argument.parameter.show_default, argument.field_info.default
    if callable(shown):
        return str(shown(default))
    return "" if default is None or shown is False else str(default)


def _choices(argument: Argument) -> str:
    choices = argument.get_choices()
    return f" ({', '.join(choices)})" if choices else ""


if __name__ == "__main__":
    main()
