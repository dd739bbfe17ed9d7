"""Pictures from a folder, as many as needed, no two with the same bytes."""

import io
import itertools
import struct
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import Final

from PIL import Image

from harness.processes import MeasurementFailed

_MARK_BYTES = 16
_PNG_START: Final = b"\x89PNG\r\n\x1a\n"
#: Up to the end of the header, which comes first and has a fixed length.
_PNG_HEAD_BYTES: Final = len(_PNG_START) + 25
FORMATS: Final = ("jpeg", "png", "heic")


class Pictures:
    """The pictures of a folder, read once and repeated with a different comment in each copy.

    In the order of their names; other files are left out.
    """

    def __init__(self, folder: Path, formats: Collection[str] = FORMATS) -> None:
        contents = [path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()]
        self._originals = [each for each in contents if _recognise(each) in formats]
        if not self._originals:
            raise MeasurementFailed(f"{folder} holds no {' or '.join(formats)} files")
        self._marks = itertools.count()

    def different(self, count: int) -> list[bytes]:
        """So many pictures, none with the bytes of any other that this object ever gave."""
        return [
            self._marked(original)
            for original in itertools.islice(itertools.cycle(self._originals), count)
        ]

    def twelve_megapixels(self, count: int) -> list[bytes]:
        """JPEGs of 4000 x 3000 pixels, quality 90, from one photograph scaled up."""
        first = next(each for each in self._originals if _recognise(each) != "heic")
        with Image.open(io.BytesIO(first)) as photograph:
            large = photograph.convert("RGB").resize((4000, 3000), Image.Resampling.BICUBIC)
        encoded = io.BytesIO()
        large.save(encoded, "JPEG", quality=90)
        return [self._marked(encoded.getvalue()) for _ in range(count)]

    @property
    def mean_bytes(self) -> int:
        """How large the photographs are."""
        return sum(map(len, self._originals)) // len(self._originals)

    def _marked(self, original: bytes) -> bytes:
        """The same picture with a comment of its own, where its format has comments."""
        text = f"{next(self._marks):0{_MARK_BYTES}}".encode()
        match _recognise(original):
            case "jpeg":
                segment = b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text
                return original[:2] + segment + original[2:]
            case "png":
                chunk = b"tEXtComment\0" + text
                marked = struct.pack(">I", len(chunk) - 4) + chunk
                marked += struct.pack(">I", zlib.crc32(chunk))
                return original[:_PNG_HEAD_BYTES] + marked + original[_PNG_HEAD_BYTES:]
            case _:
                return original + struct.pack(">I", len(text) + 8) + b"free" + text


def _recognise(content: bytes) -> str:
    if content.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if content.startswith(_PNG_START):
        return "png"
    return "heic" if content[4:12] in (b"ftypheic", b"ftypmif1") else ""


def write_all(pictures: list[bytes], folder: Path) -> None:
    """One file a picture, in order of name."""
    folder.mkdir(parents=True)
    for number, content in enumerate(pictures):
        (folder / f"{number:06}.jpg").write_bytes(content)
