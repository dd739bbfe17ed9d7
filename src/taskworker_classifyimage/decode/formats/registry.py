"""All formats that are decoded, and the libraries that decode them."""

import importlib
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

from taskworker_classifyimage.decode.formats.base import Format
from taskworker_classifyimage.decode.formats.bitmaps import Gif, Pnm
from taskworker_classifyimage.decode.formats.bmp import Bmp
from taskworker_classifyimage.decode.formats.dds import Dds
from taskworker_classifyimage.decode.formats.heif import Avif, Heic
from taskworker_classifyimage.decode.formats.icons import Cursor, Icon
from taskworker_classifyimage.decode.formats.jpeg import Jpeg
from taskworker_classifyimage.decode.formats.jpeg_2000 import Jpeg2000
from taskworker_classifyimage.decode.formats.jpeg_xl import JpegXl
from taskworker_classifyimage.decode.formats.pcx import Pcx
from taskworker_classifyimage.decode.formats.png import Png
from taskworker_classifyimage.decode.formats.psd import Psd
from taskworker_classifyimage.decode.formats.raw import Raw
from taskworker_classifyimage.decode.formats.tga import Tga
from taskworker_classifyimage.decode.formats.tiff import Tiff
from taskworker_classifyimage.decode.formats.webp import WebP
from taskworker_classifyimage.decode.refusals import name_refused
from taskworker_classifyimage.errors import EmptyFile, UnsupportedFormat

#: In the order in which they are asked whether they recognise a file: the most frequent first,
#: RAW before the TIFFs that it is made of, and last those whose headers say the least.
FORMATS: Final[tuple[Format, ...]] = (
    Jpeg(),
    Png(),
    Gif(),
    WebP(),
    Bmp(),
    Psd(),
    Dds(),
    Jpeg2000(),
    JpegXl(),
    Heic(),
    Avif(),
    Raw(),
    Tiff(),
    Pnm(),
    Pcx(),
    Icon(),
    Cursor(),
    Tga(),
)

#: What Pillow imports when it needs it first, for any format.
_PILLOW_MODULES: Final = ("ImageCms", "ImageFilter", "ImagePalette")


@dataclass(frozen=True, slots=True)
class Decoder:
    """A library that decodes pictures.

    Attributes:
        name: such as "Pillow".
        version: as installed.
        formats: those that it is used for here.
    """

    name: str
    version: str
    formats: tuple[str, ...]


def recognise(encoded: bytes) -> Format:
    """The format of a file, by its content and never by its name.

    Raises:
        EmptyFile: it has no bytes.
        UnsupportedFormat: it is no picture, or one that is not decoded; the message names it.
    """
    if not encoded:
        raise EmptyFile("the file has no bytes")
    for kind in FORMATS:
        if kind.recognises(encoded):
            return kind
    if refused := name_refused(encoded):
        raise UnsupportedFormat(f"the file is {refused}, not a picture that can be classified")
    raise UnsupportedFormat("the file is no picture, or one in a format that is not decoded")


def is_rare(encoded: bytes) -> bool:
    """Whether a file is in a format that is rare."""
    with suppress(EmptyFile, UnsupportedFormat):
        return recognise(encoded).is_rare
    return False


def decoders() -> list[Decoder]:
    """All installed libraries and what they decode; imports none of the heavy ones."""
    formats: dict[str, list[str]] = {}
    for kind in FORMATS:
        if kind.is_installed():
            formats.setdefault(kind.library, []).append(kind.name)
    formats["Pillow"].append("previews of camera RAW")
    return [Decoder(name, version(name), tuple(kinds)) for name, kinds in formats.items()]


def preload_decoders(*, rare: bool) -> None:
    """Imports what decoding may need, for a process that cannot import it later.

    Args:
        rare: for all formats, else for those only that are not `Format.is_rare`.
    """
    for module in _PILLOW_MODULES:
        importlib.import_module(f"PIL.{module}")
    for kind in FORMATS:
        if kind.is_rare and not rare:
            continue
        # A format whose library is missing is refused when a file comes.
        with suppress(ImportError, UnsupportedFormat):
            kind.preload()
