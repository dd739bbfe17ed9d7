"""The command line: one parser, one file in `commands` for each command, one place for exits.

Exit codes: 0 done, 1 something failed or did not end in time, 2 wrong usage or settings, 3 model
missing or damaged, 130 ended by a second signal.
"""

import argparse
import io
import sys
from collections.abc import Sequence

from taskworker_classifyimage import __version__
from taskworker_classifyimage.commands import (
    bench,
    bridge,
    classify,
    doctor,
    evaluate,
    models,
    rescue,
    work,
)
from taskworker_classifyimage.commands.version import version_lines
from taskworker_classifyimage.decode import silence_decoders
from taskworker_classifyimage.errors import UserError, printable
from taskworker_classifyimage.stopping import EXIT_FORCED

PROGRAM = "taskworker-classifyimage"

_COMMANDS = (work, bridge, classify, models, evaluate, doctor, bench, rescue)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit code; what the user can mend is one line."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if "--verbose" in arguments and not {"-v", "--version"}.isdisjoint(arguments):
        print("\n".join(version_lines()))  # noqa: T201 - as argparse does for the plain version
        return 0
    parsed = build_parser().parse_args(arguments)
    silence_decoders()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that lacks a letter shows its number instead of ending the program.
            stream.reconfigure(errors="backslashreplace")
    try:
        code: int = parsed.run(parsed)
    except UserError as err:
        print(f"{PROGRAM}: {err}", file=sys.stderr)  # noqa: T201 - the last word to a person
        return err.exit_code
    except KeyboardInterrupt:
        return EXIT_FORCED
    except BrokenPipeError:
        # Whoever read our output has seen enough; what is left goes nowhere, without a complaint.
        sys.stdout = None
        return 1
    except OSError as err:
        if err.filename is None:
            raise
        # A file or folder that the user named, or one in it, which the system refuses.
        text = f"{err.filename}: {err.strerror}"
        print(f"{PROGRAM}: {printable(text)}", file=sys.stderr)  # noqa: T201 - as above
        return 1
    return code


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Classifies pictures into the 1000 classes of ILSVRC2012, for a TaskBridge.",
    )
    _add_version(parser)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in _COMMANDS:
        name = command.__name__.rpartition(".")[2]
        summary = (command.__doc__ or "").partition("\n")[0]
        subparser = commands.add_parser(name, help=summary, description=summary)
        _add_version(subparser)
        command.add_arguments(subparser)
        subparser.set_defaults(run=command.run)
    return parser


def _add_version(parser: argparse.ArgumentParser) -> None:
    told = "print the version; with --verbose also what decodes which pictures"
    parser.add_argument("-v", "--version", action="version", version=__version__, help=told)
