"""JPEG 2000 (ITU-T T.800)."""

from dataclasses import replace
from typing import Final

import numpy as np
from PIL import Image

from taskworker_classifyimage.decode.formats.base import Format
from taskworker_classifyimage.decode.picture import Picture
from taskworker_classifyimage.decode.salvage import Reopen

#: The marker of a tile's part, and the length of its segment (annex A.4.2).
_TILE_PART: Final = b"\xff\x90\0\x0a"
_MIN_TILE_PART_BYTES: Final = 14
_END_OF_CODESTREAM: Final = b"\xff\xd9"


class Jpeg2000(Format):
    """JPEG 2000, bare or in JP2, whose decoder rejects truncated files."""

    name, pillow_name = "JPEG 2000", "JPEG2000"
    module = "PIL.Jpeg2KImagePlugin"
    codec = ("jpg_2000", "OpenJPEG")
    signatures = (b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  \r\n\x87\n")

    def loading_bytes(self, image: Image.Image, least_side: float) -> float:  # noqa: ARG002
        return max(23.0, 7.5 * len(image.getbands()))

    def stated_bytes(self, encoded: bytes) -> int:
        at = encoded.find(_TILE_PART)
        while at >= 0 and encoded.startswith(_TILE_PART, at):
            count = int.from_bytes(encoded[at + 6 : at + 10], "big")
            if count < _MIN_TILE_PART_BYTES:  # 0: the part lasts to the end of the file
                return 0
            at += count
        return at + len(_END_OF_CODESTREAM) if at >= 0 else 0

    def salvage(self, encoded: bytes, reopen: Reopen) -> Picture:
        """Each byte refines the whole picture; zeros in place of missing bytes add nothing."""
        if not self.is_truncated(encoded):
            return super().salvage(encoded, reopen)
        stated_bytes = self.stated_bytes(encoded)
        padded = encoded + bytes(stated_bytes - len(encoded))
        picture = reopen(padded[: -len(_END_OF_CODESTREAM)] + _END_OF_CODESTREAM)
        picture.image.load()
        mask = np.ones((picture.image.height, picture.image.width), dtype=np.bool_)
        share = len(encoded) / stated_bytes
        return replace(picture, mask=mask, share=share, is_coarse=True)
