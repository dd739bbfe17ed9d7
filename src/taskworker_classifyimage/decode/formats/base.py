"""What decoding has to know about a format of pictures."""

import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

from PIL import Image

from taskworker_classifyimage.decode.libraries import describe, is_installed
from taskworker_classifyimage.decode.picture import Picture
from taskworker_classifyimage.decode.salvage import Reopen, by_canvas, by_padding

#: See `Format.find_preview`.
Preview = tuple[bytes, int, str]


class Format(ABC):
    """A format of pictures: answers all questions that decoding has about its files.

    Decoders meet hostile files: every method may raise anything, and `encoded` may be cut anywhere.
    """

    #: As results call it.
    name: ClassVar[str]
    #: The library that decodes it, by the name of its distribution.
    library: ClassVar[str] = "Pillow"
    #: The first bytes of its files.
    signatures: ClassVar[tuple[bytes, ...]] = ()
    #: What decoding imports on the way, as "module" or "module:attribute".
    imports: ClassVar[tuple[str, ...]] = ()

    def recognises(self, encoded: bytes) -> bool:
        """Whether a file is in this format."""
        return encoded.startswith(self.signatures)

    def is_installed(self) -> bool:
        """Whether the format can be decoded here; imports no heavy library."""
        return is_installed(self.library)

    def preload(self) -> None:
        """Imports now what decoding would import later."""
        if self.is_installed():
            describe(self.library)
            for name in self.imports:
                pkgutil.resolve_name(name)

    def sizes(self, encoded: bytes) -> Iterator[tuple[int, int]]:  # noqa: ARG002 - most have none
        """(width, height) in pixels, by the header, of everything that takes memory when opened.

        The size of an image that `open` returns unloaded may be left out.
        """
        return iter(())

    def stated_bytes(self, encoded: bytes) -> int:  # noqa: ARG002 - most headers do not state it
        """The length of the whole file by its header, 0 if that does not state it.

        Needed where the decoder rejects a truncated file, so that it can be padded.
        """
        return 0

    def is_truncated(self, encoded: bytes) -> bool:
        """Whether the file is known to be truncated before it is decoded."""
        return self.stated_bytes(encoded) > len(encoded)

    def find_preview(self, encoded: bytes, size: int) -> Preview | None:
        """A picture within the file to decode instead, for an input of `size` pixels a side.

        Returns:
            The file from the start of the preview on, its orientation by EXIF as the file states
            it, and a warning that says so; None to decode the file.
        """

    @abstractmethod
    def open(self, encoded: bytes) -> Picture:
        """Reads the header, and decodes the pixels if the library cannot do that later.

        Raises:
            UnsupportedFormat: a library is missing, or does not decode this kind of file.
            DamagedPicture: the header is damaged.
        """

    def correct(self, image: Image.Image) -> Image.Image:
        """Corrects pixels that Pillow interprets otherwise than they are meant."""
        return image

    def salvage(self, encoded: bytes, reopen: Reopen) -> Picture:
        """Decodes the part that is there of a truncated or damaged file.

        Args:
            encoded: the file.
            reopen: opens a changed version of the file.

        Raises:
            DamagedPicture: no part can be decoded.
        """
        if self.is_truncated(encoded):
            return by_padding(encoded, self.stated_bytes(encoded), reopen)
        return by_canvas(reopen(encoded), reopen(encoded))
