"""Loads at once what decoding otherwise loads when the first file of a kind comes."""

import contextlib

from PIL import Image

from taskworker_classifyimage.decode.identify import Format
from taskworker_classifyimage.decode.listing import decoders, version_of
from taskworker_classifyimage.decode.opening import load_heif, load_plugin, plugin_formats
from taskworker_classifyimage.decode.profiles import preload_profiles
from taskworker_classifyimage.errors import UnsupportedFormat


def preload_decoders() -> None:
    """After this, `decode` opens no file: for processes that may not open any."""
    for kind in plugin_formats():
        load_plugin(kind)
    # Whatever is left, so that the library never looks for more by itself.
    Image.init()
    with contextlib.suppress(UnsupportedFormat):
        load_heif()
    with contextlib.suppress(ImportError):
        import imagecodecs  # noqa: PLC0415 - heavy, and loaded nowhere else before it is needed

        # The package loads a codec when its function is first asked for.
        _ = imagecodecs.jpegxl_decode, imagecodecs.tiff_decode
    with contextlib.suppress(ImportError):
        import rawpy  # noqa: F401, PLC0415 - an extra
    preload_profiles()
    for decoder in decoders():
        version_of(decoder.name)
    for kind in Format:
        version_of("Pillow", kind)
