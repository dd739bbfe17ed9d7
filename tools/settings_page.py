"""Writes the tables of docs/settings.md, of the declarations that the command line is made of.

    python tools/settings_page.py

A test holds that the page is as this would write it.
"""

from collections.abc import Iterator
from pathlib import Path

from cyclopts import Argument

from taskworker_classifyimage.command_line import build_app
from taskworker_classifyimage.sources import NAMES, keys_of, name_of, variables_of

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"
_BEGIN, _END = "<!-- begin of tables, by tools/settings_page.py -->", "<!-- end of tables -->"
_HEAD = "| flag | variables | key | default | meaning |\n|---|---|---|---|---|"


def main() -> None:
    """Renews the page."""
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def renewed(page: str) -> str:
    """The page with the tables as they have to be."""
    before, _, rest = page.partition(_BEGIN)
    return f"{before}{_BEGIN}\n\n{_tables()}\n\n{_END}{rest.partition(_END)[2]}"


def _tables() -> str:
    areas: dict[str, list[str]] = {}
    for argument in _settings():
        areas.setdefault(_area(argument), []).append(_row(argument))
    return "\n\n".join("\n".join((f"### {area}\n", _HEAD, *rows)) for area, rows in areas.items())


def _settings() -> Iterator[Argument]:
    """Each setting once, in the order of help."""
    app, seen = build_app({}), set()
    for command in ("work", "classify"):
        for argument in app[command].assemble_argument_collection():
            if argument.keys and not argument.children and name_of(argument) not in seen:
                seen.add(name_of(argument))
                yield argument
    assert seen == set(NAMES)


def _area(argument: Argument) -> str:
    [group, *_] = argument.parameter.group or ()
    return group if isinstance(group, str) else group.name


def _row(argument: Argument) -> str:
    name, parameter = name_of(argument), argument.parameter
    flags = "<br>".join(
        f"`{each} {parameter.metavar}`".replace(" `", "`") for each in argument.names
    )
    keys = keys_of(name)
    variables = variables_of(name) if keys or name == "config" else ()
    cells = (
        flags,
        "<br>".join(f"`{each}`" for each in variables),
        "<br>".join(f"`{each}`" for each in keys),
        _default(argument),
        (parameter.help or "") + _choices(argument),
    )
    return f"| {' | '.join(cells)} |"


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
