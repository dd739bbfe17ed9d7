"""WebP (RFC 9649)."""

from collections.abc import Iterator

from PIL import Image

from taskworker_classifyimage.decode.formats.base import Format


class WebP(Format):
    """WebP, whose decoder rejects truncated files."""

    name, pillow_name = "WebP", "WEBP"
    module = "PIL.WebPImagePlugin"
    codec = ("webp", "libwebp")

    def recognises(self, encoded: bytes) -> bool:
        return encoded.startswith(b"RIFF") and encoded[8:12] == b"WEBP"

    def sizes(self, encoded: bytes) -> Iterator[tuple[int, int]]:
        """The canvas, for which Pillow takes memory when it opens the file."""
        chunk = encoded[12:16]
        if chunk == b"VP8X":
            yield _little(encoded[24:27]) + 1, _little(encoded[27:30]) + 1
        elif chunk == b"VP8L":
            bits = _little(encoded[21:25])
            yield (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        else:
            yield _little(encoded[26:28]) & 0x3FFF, _little(encoded[28:30]) & 0x3FFF

    def loading_bytes(self, image: Image.Image, least_side: float) -> float:  # noqa: ARG002
        return 19.0

    def stated_bytes(self, encoded: bytes) -> int:
        return 8 + _little(encoded[4:8])


def _little(number: bytes) -> int:
    return int.from_bytes(number, "little")
