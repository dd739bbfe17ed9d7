"""Sets up logging: one line for each event, to standard error."""

import logging
import sys
from typing import Literal

Level = Literal["debug", "info", "warning", "error"]


def set_up_logging(level: Level) -> None:
    """Sends log messages of this level and above to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
    root = logging.getLogger("taskworker_classifyimage")
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
