"""The errors that this program's parts raise to each other, sorted by who must act.

    TaskworkerError
    |-- UserError               the operator: one line, then exit
    |   |-- ConfigError             flags, environment, settings file          (exit 2)
    |   |   `-- PortInUse, BridgeDataUnusable   of the embedded bridge
    |   |-- ModelError              a model or label file is missing or wrong  (exit 3)
    |   |   `-- DeviceUnusable          a GPU or runtime does not work; the CPU takes over
    |   |       `-- DeviceMissing           there is none; `auto` then takes the CPU silently
    |   |-- PortHeld                by a connection that will end            (exit 1)
    |   |-- DecodersUnusable        no decoder process starts                  (exit 1)
    |   `-- DeviceFailed            the device fails with every picture        (exit 1)
    |-- BridgeUnavailable       nobody: the worker waits and tries again
    |-- BridgeRejected          nobody: this one call can never succeed; it is logged and dropped
    |-- TaskGone                nobody: the task is not ours any more; it is dropped
    |-- TaskLeft                nobody: the task cannot be finished now; it is tried again later
    |-- MachineShort            nobody: the task is handed back, and the worker pauses
    |-- TransferInterrupted     nobody: the download of a model is resumed
    |-- TransferRefused         becomes a ModelError: the server does not give the file
    `-- TaskError               the client: sent as this task's result, with its `code`
        |-- BadRequest, FileMissing, EmptyFile, UnsupportedFormat, DamagedPicture
        |-- TooLarge
        |   `-- NeedsMemory         the engine: waits for memory and tries again
        `-- TooSlow, Killed, DownloadFailed, NoAnswer

A module that needs a narrower error derives it from one of these. Above `bridge_client.connection`
and `download.transfer` nobody names the HTTP library, above `classify` nobody the model runtime.
"""

import os
import sys
from enum import IntEnum, StrEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """How the program ends; systemd's unit relies on these, docs/operations.md lists them."""

    #: Done, or stopped as asked.
    DONE = 0
    #: Something failed, or did not end in time after a stop.
    FAILED = 1
    #: Wrong usage or settings, or a port or name that is taken: starting again does not help.
    USAGE = 2
    #: A model or a label file is missing or damaged: starting again does not help.
    MODEL = 3
    #: Ended by a second signal; what a shell reports for a program that Ctrl-C ended.
    FORCED = 130


class ErrorCode(StrEnum):
    """The closed list of codes in an error result; clients may switch on them."""

    #: The task's data are invalid, such as a `numberofpredictions` of "abc".
    BAD_REQUEST = "bad_request"
    #: The task has no file.
    FILE_MISSING = "file_missing"
    #: The file has no bytes.
    EMPTY_FILE = "empty_file"
    #: The file is not a picture, or its format is not supported.
    UNSUPPORTED_FORMAT = "unsupported_format"
    #: The file begins like a picture and cannot be decoded.
    DAMAGED = "damaged"
    #: The file, its pixels, or the memory to decode it exceed the worker's limits.
    TOO_LARGE = "too_large"
    #: Decoding takes longer than the worker allows.
    TOO_SLOW = "too_slow"
    #: The decoder process dies of the picture, every time.
    KILLED = "killed"
    #: The bridge has the file and could not deliver it.
    DOWNLOAD_FAILED = "download_failed"
    #: The task took longer than the worker allows.
    TIMED_OUT = "timed_out"
    #: A fault of this program, with details in its log, or of the model.
    INTERNAL = "internal"


class TaskworkerError(Exception):
    """Base of all errors of this program."""


class UserError(TaskworkerError):
    """Something that the operator can fix; shown as one line."""

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED


class ConfigError(UserError):
    """A flag, an environment variable, a settings file or a port is wrong."""

    exit_code = ExitCode.USAGE


class ModelError(UserError):
    """A model or a label file is missing, damaged or not what it claims to be."""

    exit_code = ExitCode.MODEL


class DeviceUnusable(ModelError):
    """The requested device is missing, or does not run the model correctly."""


class DeviceMissing(DeviceUnusable):
    """There is no such device, or no library that runs a network on it."""


class OutputFailed(UserError):
    """Results cannot be written: the disk is full, or their reader has gone."""


class ClusterFailed(UserError):
    """The cluster does not start, cannot be reached, or does not do its work."""


class DecodersUnusable(UserError):
    """The processes that decode pictures do not start."""


class DeviceFailed(UserError):
    """A device that ran the network before fails with every picture."""


class BridgeUnavailable(TaskworkerError):
    """The bridge is down, slow, broken or refuses us for now; trying again later can help.

    Attributes:
        retry_after_s: seconds that the bridge asks us to wait; 0 if it does not say.
        may_have_done_it: whether the bridge may have executed the call and only its answer is lost.
    """

    def __init__(
        self, message: str, retry_after_s: float = 0.0, *, may_have_done_it: bool = True
    ) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.may_have_done_it = may_have_done_it


class BridgeRejected(TaskworkerError):
    """The bridge understood this call and will never execute it.

    Attributes:
        status: the HTTP status.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class TaskGone(TaskworkerError):
    """The task was removed or reopened, or another worker has completed it."""


class TaskLeft(TaskworkerError):
    """The bridge works and does not let this task be finished now; later it may."""


class MachineShort(TaskworkerError):
    """The machine has no more processes, threads, descriptors or memory to give; later it may."""


class TransferInterrupted(TaskworkerError):
    """The download of a model broke off; resuming it later can help.

    Attributes:
        was_reached: whether a server answered at all.
    """

    def __init__(self, message: str, *, was_reached: bool = True) -> None:
        super().__init__(message)
        self.was_reached = was_reached


class TransferRefused(TaskworkerError):
    """The server does not give the file that was asked for; asking again cannot help."""


class TaskError(TaskworkerError):
    """This one task cannot be done; the message and the code are sent to the client."""

    code: ClassVar[ErrorCode] = ErrorCode.INTERNAL


class BadRequest(TaskError):
    """The task's data are invalid."""

    code = ErrorCode.BAD_REQUEST


class FileMissing(TaskError):
    """The task has no file."""

    code = ErrorCode.FILE_MISSING


class EmptyFile(TaskError):
    """The file has no bytes."""

    code = ErrorCode.EMPTY_FILE


class UnsupportedFormat(TaskError):
    """The file is not a picture, or its format is not supported."""

    code = ErrorCode.UNSUPPORTED_FORMAT


class DamagedPicture(TaskError):
    """The file begins like a picture and cannot be decoded."""

    code = ErrorCode.DAMAGED


class TooLarge(TaskError):
    """The file, its pixels, or the memory to decode it exceed the worker's limits."""

    code = ErrorCode.TOO_LARGE


class NeedsMemory(TooLarge):
    """Decoding needs more memory than it was given.

    Attributes:
        needed_bytes: what it needs, about; None if only a trial can tell.
    """

    def __init__(self, needed_bytes: int | None, given_bytes: int) -> None:
        needed = "more" if needed_bytes is None else f"about {-(-needed_bytes // 2**20)} MiB"
        given = given_bytes // 2**20
        super().__init__(f"decoding needs {needed} of memory; {given} MiB are there for it")
        self.needed_bytes = needed_bytes


class TooSlow(TaskError):
    """Decoding took longer than the worker allows and was ended."""

    code = ErrorCode.TOO_SLOW


class Killed(TaskError):
    """Every decoder process that worked on the picture died; it is not tried again."""

    code = ErrorCode.KILLED


class NoAnswer(TaskError):
    """The model failed or returned NaN; float16 can overflow."""

    code = ErrorCode.INTERNAL


class DownloadFailed(TaskError):
    """The bridge has the file and could not deliver it."""

    code = ErrorCode.DOWNLOAD_FAILED


def pip_install(what: str) -> str:
    """The command that installs a package where this program will find it."""
    # cmd.exe of Windows understands double quotes only.
    return f'{sys.executable or "python"} -m pip install "{what}"'


def extra(name: str) -> str:
    """The command that installs an extra of this program."""
    return pip_install(f"taskworker-classifyimage[{name}]")


def one_line(err: Exception) -> str:
    """The text of a library's error, as one printable line."""
    return printable(str(err))


def connection_reason(err: Exception) -> str:
    """Why a connection failed, fit for one of our messages."""
    if isinstance(err, ConnectionError) and err.errno and sys.platform != "win32":
        # asyncio's own text repeats the address; Windows has no text for socket errors.
        return os.strerror(err.errno)
    text = err.strerror if isinstance(err, OSError) else None
    return printable(text or str(err) or type(err).__name__)


def printable(text: str) -> str:
    """Untrusted text for a log or terminal: one line, at most 300 characters, no control codes."""
    line = " ".join(text[:1000].split())[:300]
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in line)
