"""Formats that Pillow decodes, itself or by a plugin."""

import importlib
import io
from typing import ClassVar

from PIL import Image, UnidentifiedImageError, features

from taskworker_classifyimage.decode.formats.base import Format
from taskworker_classifyimage.decode.libraries import describe, is_installed
from taskworker_classifyimage.decode.picture import Picture
from taskworker_classifyimage.errors import DamagedPicture, UnsupportedFormat


class PillowFormat(Format):
    """A format that Pillow opens; its pixels are decoded when the image is loaded."""

    #: Pillow's name for the format.
    pillow_name: ClassVar[str]
    #: The module that makes Pillow know the format; imported when the first such file comes.
    plugin: ClassVar[str]
    #: A library within Pillow that decodes it: its name for `PIL.features`, and its own.
    codec: ClassVar[tuple[str, str] | None] = None
    #: Whether Pillow, built without that codec, decodes the format by another one.
    is_codec_replaceable: ClassVar[bool] = False

    def is_installed(self) -> bool:
        """Whether the library is installed, and Pillow is built with the codec."""
        if self.codec is None or self.is_codec_replaceable:
            return is_installed(self.library)
        return bool(features.check(self.codec[0]))

    def preload(self) -> None:
        """Makes Pillow know the format, even one whose codec is missing."""
        self.register()
        describe(self.library, self.codec)
        super().preload()

    def open(self, encoded: bytes) -> Picture:
        """Reads the header."""
        image = self.open_image(encoded)
        return Picture(image, *image.size, None, False, describe(self.library, self.codec))

    def open_image(self, encoded: bytes) -> Image.Image:
        """Opens a file as an image that is not loaded yet; raises as `open` does."""
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
        return not getattr(importlib.import_module(self.plugin), "SUPPORTED", True)

    def register(self) -> None:
        """Makes Pillow know the format."""
        importlib.import_module(self.plugin)
