"""Where a setting's text comes from: flag, then environment, then settings file, then default."""

import dataclasses
import difflib
import logging
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, get_args

from cyclopts import Argument, ArgumentCollection, Parameter, Token

from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.settings.areas import (
    AUTH_VARIABLE,
    TOKEN_VARIABLE,
    ClassifySettings,
    WorkSettings,
)
from taskworker_classifyimage.settings.classify_areas import Answers, Files, Outputs

_log = logging.getLogger(__name__)

_PREFIX: Final = "TASKWORKER_"
_ENVIRONMENT: Final = "the environment"

#: Variables that are read without the prefix too, in lower case, as the sibling workers' containers
#: have them, or in any capitals. Other names may have another meaning: `LANGUAGE` is gettext's.
_BARE: Final = {
    "taskbridgeurl": "taskbridgeurl",
    "worker": "worker",
    "device": "device",
    "model": "model",
    "auth-file": AUTH_VARIABLE,
    "bridge-token-file": TOKEN_VARIABLE,
}
#: Set by `StateDirectory=` in a unit, see systemd.exec(5).
_STATE_DIRECTORY: Final = "STATE_DIRECTORY"
#: Short for values of `log-level`.
_FLAGS_ONLY: Final = ("verbose", "quiet")


def add_texts(arguments: ArgumentCollection, environ: Mapping[str, str]) -> None:
    """Gives settings without a flag their text from the environment or the settings file.

    Raises:
        ConfigError: the settings file cannot be read, has an unknown key or a wrong type.
    """
    settings = {name_of(argument): argument for argument in settings_in(arguments)}
    if not settings:
        return
    # Container files pass empty variables for values that are not set.
    environ = {name: text for name, text in environ.items() if text}
    _warn_of_unknown_variables(environ)
    _add_variable(settings["config"], environ)
    tokens = settings["config"].tokens
    file = tokens[0].value if tokens else ""
    table = _read_table(Path(file)) if file else {}
    for name, argument in settings.items():
        _add_variable(argument, environ)
        for key in keys_of(name):
            if key in table and not argument.tokens:
                text = _text_of(key, table[key], argument.hint is bool, file)
                argument.append(Token(keyword=key, value=text, source=file))


def settings_in(arguments: ArgumentCollection) -> Iterator[Argument]:
    """The settings among a command's arguments; arguments of the command itself have no keys."""
    return (argument for argument in arguments if argument.keys and not argument.children)


def variables_of(name: str) -> tuple[str, ...]:
    """The environment variables of a setting; the first one that is set counts."""
    if name in _FLAGS_ONLY:
        return ()
    bare = _BARE.get(name)
    names = dict.fromkeys((bare or name, name))
    return (
        *((bare, bare.upper()) if bare else ()),
        *(_PREFIX + known.upper().replace("-", "_") for known in names),
        *((_STATE_DIRECTORY,) if name == "state" else ()),
    )


def keys_of(name: str) -> tuple[str, ...]:
    """The keys of a setting in the settings file; the first one that is there counts."""
    if name in ("config", *_FLAGS_ONLY):
        return ()
    return (name, TOKEN_VARIABLE) if name == "bridge-token-file" else (name,)


def name_of(argument: Argument) -> str:
    """A setting's name, or the placeholder of an argument without a flag."""
    return argument.name.removeprefix("--")


def place_of(token: Token) -> str:
    """Where a text was given, for messages."""
    if token.source == "cli":
        return f"the flag {token.keyword}" if token.keyword else "the command line"
    return f"the environment's {token.keyword}" if token.source == _ENVIRONMENT else token.source


def _add_variable(argument: Argument, environ: Mapping[str, str]) -> None:
    for variable in variables_of(name_of(argument)):
        # In any capitals, but as it is listed here before all others.
        same = (each for each in environ if each.lower() == variable.lower())
        for found in sorted(same, key=lambda each: each != variable):
            if not argument.tokens:
                argument.append(Token(keyword=found, value=environ[found], source=_ENVIRONMENT))


def _warn_of_unknown_variables(environ: Mapping[str, str]) -> None:
    for variable in environ:
        capitals = variable.upper()
        # Others may use the prefix as well, as Kubernetes does for services of this name.
        if capitals.startswith(_PREFIX) and capitals not in VARIABLES:
            name = capitals.removeprefix(_PREFIX)
            known = [each.removeprefix(_PREFIX) for each in VARIABLES if each.startswith(_PREFIX)]
            for meant in difflib.get_close_matches(name, known, n=1, cutoff=0.8):
                _log.warning("%s is not a setting; did you mean %s?", variable, _PREFIX + meant)


def _read_table(path: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise ConfigError(f"settings file {path}: {err.strerror or err}") from None
    except (ValueError, RecursionError) as err:
        raise ConfigError(f"settings file {path} is not valid TOML: {err}") from None
    known = [key for name in NAMES for key in keys_of(name)]
    for key in table:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
            raise ConfigError(f"settings file {path}: {key!r} is unknown; {hint}")
    return table


def _text_of(key: str, value: object, is_switch: bool, file: str) -> str:
    if not isinstance(value, str | int) or isinstance(value, bool) != is_switch:
        kind = "true or false" if is_switch else "a text or a whole number"
        raise ConfigError(f"settings file {file}: {key} must be {kind}")
    return str(value).lower() if is_switch else str(value)


def _names_in(kind: Any) -> Iterator[str]:
    """The names of all settings that a class declares."""
    for field in dataclasses.fields(kind):
        declared = [found for found in get_args(field.type) if isinstance(found, Parameter)]
        if not declared:
            yield from _names_in(field.type)
            continue
        [*names] = declared[0].name or ()
        yield names[0].removeprefix("--") if names else field.name.replace("_", "-")


#: The names of all settings.
NAMES: Final = tuple(
    dict.fromkeys(
        name
        for kind in (WorkSettings, ClassifySettings, Answers, Files, Outputs)
        for name in _names_in(kind)
    )
)
#: All environment variables that are read.
VARIABLES: Final = tuple(variable for name in NAMES for variable in variables_of(name))
