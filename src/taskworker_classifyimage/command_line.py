"""Parses the command line and runs a command; explains a command line that is wrong.

A command's module is imported only when the command runs or its help is printed.
"""

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Final, Literal, TextIO

from cyclopts import (
    App,
    ArgumentCollection,
    CoercionError,
    CycloptsError,
    Group,
    MissingArgumentError,
    Parameter,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
)

from taskworker_classifyimage import PROGRAM, REPOSITORY
from taskworker_classifyimage.errors import ConfigError, ExitCode, printable

_COMMANDS: Final = {
    "work": "Take pictures from a TaskBridge, classify them and report the results.",
    "bridge": "Run the embedded TaskBridge alone, for workers that run elsewhere.",
    "classify": "Classify local files and folders to JSON lines, without a bridge.",
    "models": "List the models: built in, in the models folder, and the networks of Keras.",
    "labels": "Names of the classes: list languages, check a file, find what a word means.",
    "evaluate": "Measure the accuracy of a model on pictures whose classes are known.",
    "rescue": "Reopen tasks that are stuck with a dead worker.",
    "doctor": "Check this machine, the models and, with a URL, the bridge.",
    "bench": "Measure this machine: decode, infer, and the whole loop through a bridge.",
}
#: Commands that have commands of their own.
_APPS: Final = ("models", "labels")
_Shell = Literal["bash", "zsh", "fish", "powershell"]
#: Stands for standard input, by custom.
_STDIN: Final = "-"
_HELP: Final = frozenset(("--help", "-h"))
_EXAMPLES: Final = f"""\
Examples:
  {PROGRAM} work
      with an embedded bridge on http://127.0.0.1:42000/
  {PROGRAM} work --taskbridgeurl http://HOST:42000/ --worker NAME
      for a bridge that runs elsewhere
"""


def run(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Runs one command and returns the exit code.

    Raises:
        UserError: the command line, a setting or what it names is wrong.
    """
    app = build_app(environ)
    if not arguments:
        _set_up_help(app, sys.stderr)
        app.help_print([])
        return ExitCode.USAGE
    if not _HELP.isdisjoint(arguments):
        _set_up_help(app, sys.stdout)
    command, given = parse(app, arguments)
    return command(*given.args, **given.kwargs) or ExitCode.DONE


def parse(
    app: App, arguments: Sequence[str]
) -> tuple[Callable[..., int | None], inspect.BoundArguments]:
    """The command and its arguments.

    Raises:
        ConfigError: there is no such command or flag, or a value is wrong.
    """
    try:
        command, given, _ = app.parse_args(arguments, print_error=False, exit_on_error=False)
    except UnknownOptionError as err:
        if _STDIN not in (err.token.keyword, err.token.value):
            raise ConfigError(_explain(err)) from None
        return parse(app, _move_behind_flags(arguments))
    except CycloptsError as err:
        raise ConfigError(_explain(err)) from None
    return command, given


def _move_behind_flags(arguments: Sequence[str]) -> list[str]:
    """A lone "-" where it is no flag: the library takes it for one without a name."""
    moved = list(arguments)
    # The last one: an earlier one may be a flag's value.
    del moved[len(moved) - 1 - moved[::-1].index(_STDIN)]
    return [*moved, *(() if "--" in moved else ("--",)), _STDIN]


def build_app(environ: Mapping[str, str]) -> App:
    """The whole command line."""

    def add_texts(_app: App, _command: tuple[str, ...], arguments: ArgumentCollection) -> None:
        from taskworker_classifyimage.settings import sources  # noqa: PLC0415 - has all settings

        sources.add_texts(arguments, environ)

    def print_completion(shell: Annotated[_Shell, Parameter(help="the shell")], /) -> None:
        sys.stdout.write(app.generate_completion(shell=shell))

    app = App(
        name=PROGRAM,
        help="Classifies pictures into the 1000 classes of ILSVRC2012, for a TaskBridge.",
        help_format="plaintext",
        help_epilogue=f"docs/... are at {REPOSITORY}/tree/main/docs",
        help_flags=_HELP,
        version_flags=("--version", "-v"),
        group_parameters=Group("Flags", sort_key=0),
        config=add_texts,
    )
    app["--help"].help = "print this help; after a command, its flags"
    app["--version"].help = "print the version; with --verbose, also those of image libraries"
    for number, (name, summary) in enumerate(_COMMANDS.items()):
        target = f"taskworker_classifyimage.commands.{name}:{'app' if name in _APPS else 'run'}"
        examples = {"help_prologue": _EXAMPLES} if name == "work" else {}
        app.command(target, name=name, help=summary, sort_key=number, **examples)
    app.command(
        print_completion,
        name="completion",
        help="Print a script that completes this command line in a shell; docs/settings.md.",
        sort_key=len(_COMMANDS),
    )
    return app


def _set_up_help(app: App, stream: TextIO) -> None:
    """Help has boxes and colours in a terminal, plain lines of any length elsewhere."""
    from taskworker_classifyimage.commands.output import console  # noqa: PLC0415 - imports rich

    app.console = console(stream)
    app.help_formatter = "default" if stream.isatty() else "plain"


def _explain(err: CycloptsError) -> str:
    """One line that names the value, its place, and what is allowed."""
    argument = err.argument
    if isinstance(err, CoercionError) and err.msg and argument and argument.tokens:
        from taskworker_classifyimage.settings import sources  # noqa: PLC0415 - as above

        name, token = sources.name_of(argument), argument.tokens[-1]
        return f"{name} {err.msg}; it is {token.value!r} in {sources.place_of(token)}"
    if isinstance(err, MissingArgumentError) and argument:
        # Only help needs docstrings, so parsing leaves them out.
        described = err.app.assemble_argument_collection(parse_docstring=True) if err.app else []
        meanings = [known.parameter.help for known in described if known.name == argument.name]
        metavar = argument.parameter.metavar or ""
        reason = "needs a value" if err.keyword else "is missing"
        return f"{argument.name} {metavar}".strip() + f" {reason}: {meanings[0]}"
    if isinstance(err, UnknownOptionError):
        flags = [name for known in err.argument_collection for name in known.names]
        return _refuse_flag(err.token.keyword or err.token.value, flags)
    if isinstance(err, UnknownCommandError | UnusedCliTokensError) and err.unused_tokens:
        [surplus, *_] = err.unused_tokens
        if surplus.startswith("-"):
            return _refuse_flag(surplus, [])
        close = get_close_matches(surplus, list(err.app or ()), n=1)
        return f"{surplus!r} is not expected here{_suggest(close)}"
    return printable(str(err))


def _refuse_flag(given: str, flags: Sequence[str]) -> str:
    from taskworker_classifyimage.settings.sources import NAMES  # noqa: PLC0415 - as above

    flag = given.partition("=")[0]
    elsewhere = [f"--{name}" for name in NAMES]
    if flag in elsewhere:
        return f"{flag} is a flag of other commands"
    close = get_close_matches(flag, flags, n=1) or get_close_matches(flag, elsewhere, n=1)
    return f"there is no flag {printable(flag)}{_suggest(close)}"


def _suggest(close: Sequence[str]) -> str:
    return f"; did you mean {close[0]}?" if close else ""
