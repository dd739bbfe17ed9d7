"""The program's entry point: prints the version, and turns errors into a line and an exit code.

Exit codes: 0 done, 1 something failed or did not end in time, 2 wrong usage or settings, 3 model
missing or damaged, 130 ended by a second signal. Modules that take time to import are imported
where they are needed, so that `--version` and `--help` answer at once.
"""

import io
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import takewhile
from typing import NoReturn

from taskworker_classifyimage import PROGRAM, __version__, logs
from taskworker_classifyimage.errors import ExitCode, UserError, printable
from taskworker_classifyimage.standard_streams import open_standard_streams


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit code; prints one line for an error of the user's."""
    # First: whatever is opened before would take the place of a stream that is closed.
    open_standard_streams()
    # numpy's library would start a thread for each core, which spins for a while and is never used.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    arguments = sys.argv[1:] if arguments is None else arguments
    flags = set(takewhile(lambda argument: argument != "--", arguments))
    if not flags.isdisjoint(("-v", "--version")):
        _print_version(is_verbose="--verbose" in flags)
        return ExitCode.DONE
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Characters that the terminal's encoding lacks are printed as escapes, not as errors.
            stream.reconfigure(errors="backslashreplace")
    try:
        from taskworker_classifyimage.command_line import run  # noqa: PLC0415 - see above

        return run(arguments, os.environ)
    except UserError as err:
        _print_error(str(err))
        return err.exit_code
    except KeyboardInterrupt:
        return ExitCode.FORCED
    except BrokenPipeError:
        # The reader of a pipe has closed it, as `head` does; at exit Python must not flush to it.
        sys.stdout = None
        return ExitCode.FAILED
    except OSError as err:
        if err.filename is None:
            raise
        # The system refused access to a file or folder, which the user named or which lies in it.
        _print_error(printable(f"{err.filename}: {err.strerror}"))
        return ExitCode.FAILED


def run_program() -> NoReturn:
    """Runs one command and ends the process with its exit code.

    At once: that Python and the libraries tear themselves down takes a tenth of a short command.
    """
    code = main()
    for stream in (sys.stdout, sys.stderr):
        # A stream may be closed, or its reader gone: whoever wrote to it has told that.
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


def _print_version(*, is_verbose: bool) -> None:
    """Prints the version, and on request a line for each library that decodes pictures."""
    print(__version__)  # noqa: T201 - the command's output
    if is_verbose:
        from taskworker_classifyimage.decode import decoders  # noqa: PLC0415 - see above

        for decoder in decoders():
            formats = ", ".join(decoder.formats)
            print(f"{decoder.name} {decoder.version}: {formats}")  # noqa: T201 - as above


def _print_error(text: str) -> None:
    if logs.is_json():
        logging.getLogger(__name__).error("%s", text)
    else:
        print(f"{PROGRAM}: {text}", file=sys.stderr)  # noqa: T201 - a message for the user
