"""What decoding has to know about a format of pictures, and about the library that decodes it."""

import importlib.metadata
import importlib.util
import io
import pkgutil
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from types import ModuleType
from typing import ClassVar, Final

from PIL import Image, UnidentifiedImageError, features

from taskworker_classifyimage.decode.memory import bytes_a_pixel
from taskworker_classifyimage.decode.picture import Picture
from taskworker_classifyimage.decode.salvage import Reopen, by_canvas, by_padding
from taskworker_classifyimage.errors import DamagedPicture, UnsupportedFormat

#: Modules that are not named as their distribution is.
_MODULES: Final = {"Pillow": "PIL", "pillow-heif": "pillow_heif"}


class Format:
    """A format of pictures: answers all questions that decoding has about its files.

    The answers here are those for a format that Pillow decodes, itself or by a plugin. Decoders
    meet hostile files: `encoded` may be cut anywhere, and every method may raise anything.
    """

    #: Its name in results, and Pillow's name for it.
    name: ClassVar[str]
    pillow_name: ClassVar[str]
    #: The library that decodes it, by the name of its distribution.
    library: ClassVar[str] = "Pillow"
    #: The module that decodes it; imported when the first such file comes.
    module: ClassVar[str]
    #: What decoding imports besides, as "module" or "module:attribute".
    imports: ClassVar[tuple[str, ...]] = ()
    #: Whether its libraries are large, and most runs see no such file.
    is_rare: ClassVar[bool] = False
    #: A library within Pillow that decodes it: its name for `PIL.features`, and its own.
    codec: ClassVar[tuple[str, str] | None] = None
    #: The first bytes of its files.
    signatures: ClassVar[tuple[bytes, ...]] = ()
    #: What salvaging a truncated or damaged file takes besides decoding it, in bytes a pixel.
    salvaging_bytes: ClassVar[float] = 20.0

    def is_installed(self) -> bool:
        """Whether the format can be decoded here; imports no heavy library."""
        if self.codec is None:
            return is_installed(self.library)
        # What Pillow calls a feature is a variant of a library, and another one decodes as well.
        return self.codec[0] in features.features or bool(features.check(self.codec[0]))

    def describe_decoder(self) -> str:
        """Library and version, such as "Pillow 12.0.0, libjpeg-turbo 3.1.2"."""
        described = describe_library(self.library)
        if self.codec and (version := features.version(self.codec[0])):
            described += f", {self.codec[1]} {version}"
        return described

    def register(self) -> None:
        """Makes Pillow know the format; raises `UnsupportedFormat` if the library is missing."""
        importlib.import_module(self.module)

    def preload(self) -> None:
        """Imports now what decoding would import later.

        Raises:
            ImportError, UnsupportedFormat: a library is missing.
        """
        is_installed(self.library)
        self.register()
        self.describe_decoder()
        for name in self.imports:
            pkgutil.resolve_name(name)

    def recognises(self, encoded: bytes) -> bool:
        """Whether a file is in this format."""
        return encoded.startswith(self.signatures)

    def sizes(self, encoded: bytes) -> Iterator[tuple[int, int]]:  # noqa: ARG002 - most need none
        """(width, height) in pixels, by the header, of everything that takes memory when opened.

        The size of an image that `open` returns unloaded may be left out.
        """
        return iter(())

    def opening_bytes(self, encoded: bytes) -> float:  # noqa: ARG002 - most decode later
        """Memory that `open` takes, in bytes for each pixel of the largest of `sizes`."""
        return 0.0

    def loading_bytes(self, image: Image.Image, least_side: float) -> float:  # noqa: ARG002
        """Memory that an opened picture takes until it is resized, in bytes a pixel.

        `least_side` is how far a decoder may scale it down, in pixels of the shorter side.
        """
        return bytes_a_pixel(image.mode, is_transparent="transparency" in image.info)

    def stated_bytes(self, encoded: bytes) -> int:  # noqa: ARG002 - most headers do not state it
        """The length of the whole file by its header, 0 if that does not state it.

        Needed where the decoder rejects a truncated file, so that it can be padded.
        """
        return 0

    def is_truncated(self, encoded: bytes) -> bool:
        """Whether the file is known to be truncated before it is decoded."""
        return self.stated_bytes(encoded) > len(encoded)

    def is_cut_short(self, encoded: bytes, image: Image.Image) -> bool:  # noqa: ARG002 - see below
        """Whether a picture that was decoded without an error may miss a part all the same.

        Most decoders raise an error then. If so, salvaging it shows which part that is.
        """
        return False

    def find_preview(self, encoded: bytes, size: int) -> tuple[bytes, int, str] | None:
        """A picture within the file to decode instead, for an input of `size` pixels a side.

        Returns:
            The file from the start of the preview on, its orientation by EXIF as the file states
            it, and a warning that a preview was used; None to decode the file itself.
        """

    def open(self, encoded: bytes) -> Picture:
        """Reads the header, and decodes the pixels if the library cannot do that later.

        Raises:
            UnsupportedFormat: a library is missing, or does not decode this kind of file.
            DamagedPicture: the header is damaged.
        """
        image = self.open_image(encoded)
        return Picture(image, *image.size, None, False, self.describe_decoder())

    def try_to_open(self, encoded: bytes) -> Picture | None:
        """Opens a file with Pillow; None for one that it rejects, whatever its reason.

        Raises:
            UnsupportedFormat: a library is missing.
        """
        try:
            return Format.open(self, encoded)
        except (MemoryError, UnsupportedFormat):
            raise
        except Exception:  # noqa: BLE001 - decoders meet hostile files and raise anything
            return None

    def open_image(self, encoded: bytes) -> Image.Image:
        """Opens a file with Pillow; raises as `open` does."""
        if self.pillow_name not in Image.OPEN:
            self.register()
        # Pillow's own limit warns instead of refusing; here, all sizes are checked against ours.
        Image.MAX_IMAGE_PIXELS = None
        try:
            return Image.open(io.BytesIO(encoded), formats=(self.pillow_name,))
        except (UnidentifiedImageError, NotImplementedError) as err:
            if isinstance(err, NotImplementedError) or self.is_other_kind(encoded):
                raise UnsupportedFormat(
                    f"the file is a {self.name} picture of a kind that is not decoded here"
                ) from None
            raise DamagedPicture(f"the {self.name} picture's header is damaged") from None

    def is_other_kind(self, encoded: bytes) -> bool:  # noqa: ARG002 - here, the installation decides
        """Whether a file that Pillow does not open may be undamaged, of a kind it cannot decode."""
        return not getattr(importlib.import_module(self.module), "SUPPORTED", True)

    def correct(self, image: Image.Image) -> Image.Image:
        """Corrects pixels that Pillow interprets otherwise than they are meant."""
        return image

    def repair(self, encoded: bytes) -> tuple[bytes, str] | None:
        """A version of a file that its decoder rejects, which it may accept, and a warning.

        Raises:
            UnsupportedFormat: the file is of a kind that is not decoded.
        """

    def salvage(self, encoded: bytes, reopen: Reopen) -> Picture:
        """Decodes the part that is there of a truncated or damaged file.

        Raises:
            DamagedPicture: no part can be decoded.
        """
        if self.is_truncated(encoded):
            return by_padding(encoded, self.stated_bytes(encoded), reopen)
        return by_canvas(reopen(encoded), reopen(encoded))


@cache
def is_installed(name: str) -> bool:
    """Whether a library is installed, without importing it.

    The answer is kept, because a locked-down process cannot search for it.
    """
    return importlib.util.find_spec(_MODULES.get(name, name)) is not None


def import_library(name: str, files: str) -> ModuleType:
    """Imports a library that decodes certain files, such as "a HEIC picture".

    Raises:
        UnsupportedFormat: it is not installed.
    """
    with suppress(ImportError):
        if is_installed(name):
            return importlib.import_module(_MODULES.get(name, name))
    raise UnsupportedFormat(f"the file is {files}, and {name}, which decodes it, is not installed")


@cache
def describe_library(name: str) -> str:
    """Library and version, such as "Pillow 12.0.0"."""
    return f"{name} {importlib.metadata.version(name)}"
