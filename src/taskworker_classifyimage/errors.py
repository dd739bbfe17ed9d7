"""Every error this program raises, sorted by who must act.

    TaskworkerError
    |-- UserError               the person at the keyboard: one line, then exit
    |   |-- ConfigError             flags, environment, settings file, ports  (exit 2)
    |   |-- ModelError              a model or label file is missing or wrong (exit 3)
    |   |   `-- DeviceUnusable          a GPU or a runtime is not right: the CPU takes over
    |   |       `-- DeviceMissing           it is not there at all: `auto` takes that as it is
    |   |-- DecodersUnusable        no process that decodes comes up      (exit 1)
    |   `-- DeviceFailed            what inferred does so no more         (exit 1)
    |-- BridgeUnavailable       nobody: the worker waits and tries again
    |-- BridgeRejected          nobody: this one call can never succeed, it is logged and dropped
    |-- TaskGone                nobody: the client took the task back, it is dropped
    |-- TaskLeft                nobody: the task cannot be brought to its end now, only later
    `-- TaskError               the client: sent as this task's result, with its `code`
        |-- BadRequest, FileMissing, EmptyFile, UnsupportedFormat, DamagedPicture,
        `-- TooLarge, TooSlow, Killed, DownloadFailed, NoAnswer

Above `taskbridge.connection` nobody names the HTTP library, above `classify` nobody the model
runtime.
"""

import sys
from enum import StrEnum
from typing import ClassVar


class ErrorCode(StrEnum):
    """The closed list of codes in an error result; clients may switch on them."""

    #: The task's data cannot be understood, such as a `numberofpredictions` of "abc".
    BAD_REQUEST = "bad_request"
    #: The task has no file.
    FILE_MISSING = "file_missing"
    #: The file has no bytes.
    EMPTY_FILE = "empty_file"
    #: The file is no picture, or one in a format that is not decoded.
    UNSUPPORTED_FORMAT = "unsupported_format"
    #: The file starts as a picture and cannot be decoded.
    DAMAGED = "damaged"
    #: More bytes or pixels than the worker accepts, or more memory needed to decode it.
    TOO_LARGE = "too_large"
    #: Decoding takes longer than the worker allows.
    TOO_SLOW = "too_slow"
    #: The process that works on the picture dies of it, every time.
    KILLED = "killed"
    #: The bridge has the file and could not deliver it.
    DOWNLOAD_FAILED = "download_failed"
    #: The task took longer than the worker allows.
    TIMED_OUT = "timed_out"
    #: A fault of this program, whose log has the details, or of the model.
    INTERNAL = "internal"


class TaskworkerError(Exception):
    """Base of all errors of this program."""


class UserError(TaskworkerError):
    """Something that the person who started the program can mend; shown as one line."""

    exit_code: ClassVar[int] = 1


class ConfigError(UserError):
    """A flag, an environment variable, a settings file or a port is wrong."""

    exit_code = 2


class ModelError(UserError):
    """A model or a label file is missing, broken or not what it claims to be."""

    exit_code = 3


class DeviceUnusable(ModelError):
    """The device that was asked for is not there, or does not run the model as it should."""


class DeviceMissing(DeviceUnusable):
    """There is no such device here, or nothing that could run a network on one."""


class DecodersUnusable(UserError):
    """The processes that decode pictures do not start."""


class DeviceFailed(UserError):
    """A device that ran the network does not run it any more, whatever the picture."""


class BridgeUnavailable(TaskworkerError):
    """The bridge is down, slow, broken or refuses us for now; trying again later can help.

    Attributes:
        retry_after_s: how long the bridge asks us to wait, in seconds; 0 if it does not say.
        may_have_done_it: whether the bridge may have done what was asked, and its answer was lost.
    """

    def __init__(
        self, message: str, retry_after_s: float = 0.0, *, may_have_done_it: bool = True
    ) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.may_have_done_it = may_have_done_it


class BridgeRejected(TaskworkerError):
    """The bridge understood this call and will never do it.

    Attributes:
        status: the HTTP status.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class TaskGone(TaskworkerError):
    """The task was removed, restarted or finished by somebody else."""


class TaskLeft(TaskworkerError):
    """The bridge is there and yet does not let this task come to its end; later it may."""


class TaskError(TaskworkerError):
    """This one task cannot be done; the message and the code go to the client."""

    code: ClassVar[ErrorCode] = ErrorCode.INTERNAL


class BadRequest(TaskError):
    """The task's data cannot be understood."""

    code = ErrorCode.BAD_REQUEST


class FileMissing(TaskError):
    """The task has no file."""

    code = ErrorCode.FILE_MISSING


class EmptyFile(TaskError):
    """The file has no bytes."""

    code = ErrorCode.EMPTY_FILE


class UnsupportedFormat(TaskError):
    """The file is no picture, or one in a format that is not decoded."""

    code = ErrorCode.UNSUPPORTED_FORMAT


class DamagedPicture(TaskError):
    """The file starts as a picture and cannot be decoded."""

    code = ErrorCode.DAMAGED


class TooLarge(TaskError):
    """The file has more bytes, or the picture more pixels, than the worker accepts."""

    code = ErrorCode.TOO_LARGE


class TooSlow(TaskError):
    """Decoding took longer than the worker allows and was ended."""

    code = ErrorCode.TOO_SLOW


class Killed(TaskError):
    """Every process that worked on the picture died of it, and it is not tried again."""

    code = ErrorCode.KILLED


class NoAnswer(TaskError):
    """The model fails with this picture, or gives no numbers: those of 16 bits may overflow."""

    code = ErrorCode.INTERNAL


class DownloadFailed(TaskError):
    """The bridge has the file and could not deliver it."""

    code = ErrorCode.DOWNLOAD_FAILED


def pip_install(what: str) -> str:
    """The command that installs a package where this program will find it."""
    # Windows' cmd.exe knows no other quotes.
    return f'{sys.executable or "python"} -m pip install "{what}"'


def extra(name: str) -> str:
    """The command that installs an extra of this program."""
    return pip_install(f"taskworker-classifyimage[{name}]")


def one_line(err: Exception) -> str:
    """What a foreign error says, fit for one of our messages."""
    return printable(str(err))


def printable(text: str) -> str:
    """Foreign text fit for a log or a terminal: bounded, one line, control codes escaped."""
    line = " ".join(text[:1000].split())[:300]
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in line)
