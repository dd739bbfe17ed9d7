"""The program: its version, its exit codes, and its last word to a person.

Exit codes: 0 done, 1 something failed or did not end in time, 2 wrong usage or settings, 3 model
missing or damaged, 130 ended by a second signal. What takes time to import is imported where it is
needed: `--version` and `--help` answer at once.
"""

import io
import os
import sys
from collections.abc import Sequence
from itertools import takewhile

from taskworker_classifyimage import PROGRAM, __version__
from taskworker_classifyimage.errors import ExitCode, UserError, printable


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit code; what the user can fix is one line."""
    arguments = sys.argv[1:] if arguments is None else arguments
    flags = set(takewhile(lambda argument: argument != "--", arguments))
    if not flags.isdisjoint(("-v", "--version")):
        _print_version(is_verbose="--verbose" in flags)
        return ExitCode.DONE
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that lacks a letter shows its number instead of ending the program.
            stream.reconfigure(errors="backslashreplace")
    try:
        from taskworker_classifyimage.command_line import run  # noqa: PLC0415 - see above

        return run(arguments, os.environ)
    except UserError as err:
        _complain(str(err))
        return err.exit_code
    except KeyboardInterrupt:
        return ExitCode.FORCED
    except BrokenPipeError:
        # Whoever read our output has seen enough; what is left goes nowhere, without a complaint.
        sys.stdout = None
        return ExitCode.FAILED
    except OSError as err:
        if err.filename is None:
            raise
        # A file or folder that the user named, or one in it, which the system refuses.
        _complain(printable(f"{err.filename}: {err.strerror}"))
        return ExitCode.FAILED


def _print_version(*, is_verbose: bool) -> None:
    """Prints the version, and on request a line for each library that decodes pictures."""
    print(__version__)  # noqa: T201 - as wanted
    if is_verbose:
        from taskworker_classifyimage.decode import decoders  # noqa: PLC0415 - see above

        for decoder in decoders():
            formats = ", ".join(decoder.formats)
            print(f"{decoder.name} {decoder.version}: {formats}")  # noqa: T201 - as wanted


def _complain(text: str) -> None:
    print(f"{PROGRAM}: {text}", file=sys.stderr)  # noqa: T201 - the last word to a person
