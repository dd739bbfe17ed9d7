"""Logging set-up: one line an event, to standard error."""

import logging
import sys
from typing import Final, Literal, get_args

Level = Literal["debug", "info", "warning", "error"]
LEVELS: Final[tuple[Level, ...]] = get_args(Level)


def set_up_logging(level: Level) -> None:
    """Sends this program's log to standard error, from `level` up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
    root = logging.getLogger("taskworker_classifyimage")
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
