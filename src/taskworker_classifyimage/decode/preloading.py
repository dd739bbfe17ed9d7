"""Imports beforehand what decoding imports on the way: where it runs, nothing can be by then."""

import importlib
from contextlib import suppress
from typing import Final

from taskworker_classifyimage.decode.listing import decoders, version_of
from taskworker_classifyimage.decode.opening import PILLOW, load_heif, load_plugin

#: What Pillow imports when the first picture of some kind comes.
_WITHIN_PILLOW: Final = ("ImageCms", "ImageFilter", "ImagePalette", "MpoImagePlugin")


def preload_decoders() -> None:
    """Imports all that is installed and finds out its versions."""
    for module in _WITHIN_PILLOW:
        importlib.import_module(f"PIL.{module}")
    for kind in PILLOW:
        load_plugin(kind)
        version_of("Pillow", kind)
    for each in decoders():
        version_of(each.name)
    with suppress(ImportError):
        load_heif()
    with suppress(ImportError):
        imagecodecs = importlib.import_module("imagecodecs")
        # Each codec is imported when it is asked for.
        _ = imagecodecs.jpegxl_decode, imagecodecs.tiff_decode
    with suppress(ImportError):
        importlib.import_module("rawpy")
        # It looks for this one when it is used.
        importlib.import_module("multiprocessing")
