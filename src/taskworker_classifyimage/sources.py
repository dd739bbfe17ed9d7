"""Where a setting's text comes from: flag, then environment, then settings file, then default."""

import dataclasses
import difflib
import logging
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, get_args

from cyclopts import App, Argument, ArgumentCollection, Parameter, Token

from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.settings import AUTH_VARIABLE, TOKEN_VARIABLE, Answers, WorkSettings

_log = logging.getLogger(__name__)

_PREFIX: Final = "TASKWORKER_"
_ENVIRONMENT: Final = "the environment"

#: Read without the prefix too: in lower case, as the sibling workers' containers have them, or in
#: capitals. Other bare names may mean something else there: `LANGUAGE` is gettext's.
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


class Sources:
    """Gives settings without a flag their text; one of `cyclopts.App.config`."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        # Container files pass variables that are empty and mean nothing.
        self._environ = {name: text for name, text in environ.items() if text}

    def __call__(
        self, _app: App, _commands: tuple[str, ...], arguments: ArgumentCollection
    ) -> None:
        """Adds what environment and settings file say.

        Raises:
            ConfigError: the settings file cannot be read, has an unknown key or a wrong type.
        """
        # What has no keys is an argument of the command itself.
        settings = {
            name_of(argument): argument
            for argument in arguments
            if argument.keys and not argument.children
        }
        if not settings:
            return
        self._warn_of_unknown_variables()
        config = settings["config"]
        self._add_variable("config", config)
        path = config.tokens[0].value if config.tokens else None
        table = {} if path is None else _read_table(Path(path))
        for name, argument in settings.items():
            if name not in _FLAGS_ONLY:
                self._add_variable(name, argument)
            for key in keys_of(name):
                if key in table and not argument.tokens:
                    text = _text_of(key, table[key], argument.hint is bool, path)
                    argument.append(Token(keyword=key, value=text, source=str(path)))

    def _add_variable(self, name: str, argument: Argument) -> None:
        for variable in variables_of(name):
            if variable in self._environ and not argument.tokens:
                text = self._environ[variable]
                argument.append(Token(keyword=variable, value=text, source=_ENVIRONMENT))

    def _warn_of_unknown_variables(self) -> None:
        known = [variable for name in NAMES for variable in variables_of(name)]
        for variable in self._environ:
            # Others may use the prefix as well, as Kubernetes does for services of this name.
            if variable.startswith(_PREFIX) and variable not in known:
                for meant in difflib.get_close_matches(variable, known, n=1, cutoff=0.9):
                    _log.warning("%s is no setting; did you mean %s?", variable, meant)


def variables_of(name: str) -> tuple[str, ...]:
    """The environment variables of a setting; the first one that is there counts."""
    bare = _BARE.get(name)
    names = dict.fromkeys((bare or name, name))
    return (
        *((bare, bare.upper()) if bare else ()),
        *(_PREFIX + known.upper().replace("-", "_") for known in names),
        *((_STATE_DIRECTORY,) if name == "state" else ()),
    )


def is_setting(variable: str) -> bool:
    """Whether a setting may be read from an environment variable."""
    return any(variable in variables_of(name) for name in NAMES)


def name_of(argument: Argument) -> str:
    """A setting's name, or what stands for an argument without a flag."""
    return argument.name.removeprefix("--")


def place_of(token: Token) -> str:
    """Where a text was given, for messages."""
    if token.source == "cli":
        return f"the flag {token.keyword}" if token.keyword else "the command line"
    return f"the environment's {token.keyword}" if token.source == _ENVIRONMENT else token.source


def keys_of(name: str) -> tuple[str, ...]:
    """The keys of a setting in the settings file; the first one that is there counts."""
    if name in ("config", *_FLAGS_ONLY):
        return ()
    return (name, TOKEN_VARIABLE) if name == "bridge-token-file" else (name,)


def _read_table(path: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise ConfigError(f"settings file {path}: {err.strerror or err}") from None
    except (ValueError, RecursionError) as err:
        raise ConfigError(f"settings file {path} is no TOML: {err}") from None
    known = [key for name in NAMES for key in keys_of(name)]
    for key in table:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            way_out = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
            raise ConfigError(f"settings file {path}: {key!r} is unknown; {way_out}")
    return table


def _text_of(key: str, value: object, is_switch: bool, path: str | None) -> str:
    if not isinstance(value, str | int) or isinstance(value, bool) != is_switch:
        kind = "true or false" if is_switch else "a text or a whole number"
        raise ConfigError(f"settings file {path}: {key} must be {kind}")
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


#: Of all settings.
NAMES: Final = tuple(dict.fromkeys([*_names_in(WorkSettings), *_names_in(Answers)]))
