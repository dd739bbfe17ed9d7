"""The libraries that decode pictures: whether they are installed, and in which version."""

import importlib.metadata
import importlib.util
from contextlib import suppress
from functools import cache
from types import ModuleType
from typing import Final

from PIL import features

from taskworker_classifyimage.errors import UnsupportedFormat

#: Modules that are not named as their distribution is.
_MODULES: Final = {"Pillow": "PIL", "pillow-heif": "pillow_heif"}


@cache
def is_installed(name: str) -> bool:
    """Whether a library is installed, without importing it.

    The answer is kept, because a locked-down process cannot search for it.
    """
    return importlib.util.find_spec(_MODULES.get(name, name)) is not None


def import_library(name: str, files: str) -> ModuleType:
    """Imports a library that only some files need.

    Args:
        name: of the library.
        files: what it decodes, such as "a HEIC picture".

    Raises:
        UnsupportedFormat: it is not installed.
    """
    with suppress(ImportError):
        if is_installed(name):
            return importlib.import_module(_MODULES.get(name, name))
    raise UnsupportedFormat(f"the file is {files}, and {name}, which decodes it, is not installed")


@cache
def describe(name: str) -> str:
    """Library and version, such as "Pillow 12.0.0"."""
    return f"{name} {importlib.metadata.version(name)}"


@cache
def describe_codec(feature: str, name: str) -> str:
    """A library within Pillow, such as ", libjpeg-turbo 3.1.2"; "" if it is not built in.

    Args:
        feature: its name for `PIL.features`.
        name: its own.
    """
    version = features.version(feature)
    return f", {name} {version}" if version else ""
