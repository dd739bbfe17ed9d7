"""What is logged, as the program would write it."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from taskworker_classifyimage.logs import Format, Level, set_up_logging

LOGGERS = ("taskworker_classifyimage", "aiohttp", "asyncio")


@contextmanager
def logging_restored() -> Iterator[None]:
    """Undoes what the block sets up."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [(logger, logger.handlers[:], logger.level) for logger in loggers]
    try:
        yield
    finally:
        for logger, handlers, level in before:
            logger.handlers[:] = handlers
            logger.setLevel(level)


@contextmanager
def logged(kind: Format, level: Level = "debug") -> Iterator[io.TextIOWrapper]:
    """A stream that gets the log, as strict about characters as a pipe."""
    stream = io.TextIOWrapper(io.BytesIO(), "utf-8", newline="\n", write_through=True)
    root = logging.getLogger()
    kept = root.handlers[:]
    with logging_restored():
        # pytest's handlers keep messages for its report, which xdist cannot send with surrogates.
        root.handlers[:] = []
        try:
            set_up_logging(level, kind, stream)
            yield stream
        finally:
            root.handlers[:] = kept


def lines_in(stream: io.TextIOWrapper) -> list[str]:
    """The lines so far."""
    stream.seek(0)
    return stream.read().split("\n")[:-1]
