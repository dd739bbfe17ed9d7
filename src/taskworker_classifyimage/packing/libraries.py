"""Imports the libraries that networks come from: large extras that write to the terminal."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from taskworker_classifyimage.errors import ConfigError, extra, one_line


def import_library(name: str, extra_name: str) -> Any:
    """A module of an extra.

    Raises:
        ConfigError: it is not installed, or its installation is broken.
    """
    try:
        return import_module(name)
    except ImportError as err:
        raise ConfigError(f"{err.name or name} is not installed: {extra(extra_name)}") from None
    except Exception as err:
        # Such as torchvision made for another torch.
        raise ConfigError(
            f"{name} cannot be imported: {one_line(err)}; install again: {extra(extra_name)}"
        ) from err


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keeps libraries from logging and warning about what their user cannot change."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
