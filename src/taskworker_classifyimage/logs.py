"""Logging set-up: one line an event, to standard error."""

import logging
import sys

LEVELS = ("debug", "info", "warning", "error")


def set_up_logging(level: str) -> None:
    """Sends this program's log to standard error, from `level` (one of `LEVELS`) up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
    root = logging.getLogger("taskworker_classifyimage")
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
