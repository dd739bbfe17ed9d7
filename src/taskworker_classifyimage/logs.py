"""Sets up logging to standard error: lines for people, or JSON lines for programs.

Texts from outside, such as the ids of tasks, cannot forge a line: control characters are escaped,
and the lines of a traceback are indented.
"""

import json
import logging
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final, Literal, Protocol

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["text", "json"]

#: Fields of what is said about the task that this code works for; None: about no task.
TASK: Final[ContextVar[Callable[[], Mapping[str, object]] | None]] = ContextVar(
    "TASK", default=None
)
#: What a JSON line has besides time, level, logger and message, if it is known.
_FIELDS: Final = ("task", "step", "seconds", "code", "steps")
_PACKAGE: Final = "taskworker_classifyimage"
#: Libraries that have something to say when they are used wrongly, or by a broken peer.
_LIBRARIES: Final = ("aiohttp", "asyncio")


class Stream(Protocol):
    """What log lines can be written to."""

    def write(self, line: str, /) -> object:
        """Writes a line, with its end."""

    def flush(self) -> object:
        """Writes what was held back."""


def set_up_logging(level: Level, kind: Format = "text", stream: Stream | None = None) -> None:
    """Sends log messages of this level and above to standard error, or to another stream."""
    handler = logging.StreamHandler[Stream](stream or sys.stderr)
    handler.setFormatter(_JsonLines() if kind == "json" else _TextLines())
    for name in (_PACKAGE, *_LIBRARIES):
        logging.getLogger(name).handlers[:] = [handler]
    logging.getLogger(_PACKAGE).setLevel(level.upper())


def send_log_to(stream: Stream) -> Stream:
    """Sends log messages to another stream from now on; returns the one before."""
    (handler,) = logging.getLogger(_PACKAGE).handlers
    assert isinstance(handler, logging.StreamHandler)  # noqa: S101 - `set_up_logging` made it
    before: Stream = handler.stream
    handler.setStream(stream)
    return before


def is_json() -> bool:
    """Whether logging was set up for JSON lines."""
    handlers = logging.getLogger(_PACKAGE).handlers
    return any(isinstance(each.formatter, _JsonLines) for each in handlers)


def about_task(task_id: str, step: str, seconds: float = 0.0) -> dict[str, object]:
    """The `extra` of a message about a task that no code is working for.

    Args:
        task_id: the task's id.
        step: what is done.
        seconds: how long it took.
    """
    return {"task": task_id, "step": step, "seconds": round(seconds, 6)}


class _TextLines(logging.Formatter):
    """Time, level and message."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        return _printable(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - as above
        return _indent(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 - as above
        return _indent(stack_info)


class _JsonLines(logging.Formatter):
    """One object a line, in ASCII."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, object] = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (describe := TASK.get()) is not None:
            line.update(describe())
        line.update({name: vars(record)[name] for name in _FIELDS if name in vars(record)})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def _indent(text: str) -> str:
    return "\n".join(f"    {_printable(line)}" for line in text.splitlines())


def _printable(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in line)
