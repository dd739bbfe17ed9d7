"""Photographs from a folder, as many as needed, no two with the same bytes."""

import io
import itertools
from pathlib import Path

from PIL import Image

from harness.processes import MeasurementFailed

_JPEG_START = b"\xff\xd8\xff"
_MARK_BYTES = 16


class Pictures:
    """The JPEG files of a folder, read once and repeated with a different comment in each copy."""

    def __init__(self, folder: Path) -> None:
        contents = [path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()]
        self._originals = [each for each in contents if each.startswith(_JPEG_START)]
        if not self._originals:
            raise MeasurementFailed(f"{folder} holds no JPEG files")
        self._marks = itertools.count()

    def different(self, count: int) -> list[bytes]:
        """So many pictures, none with the bytes of any other that this object ever gave."""
        return [
            self._marked(original)
            for original in itertools.islice(itertools.cycle(self._originals), count)
        ]

    def twelve_megapixels(self, count: int) -> list[bytes]:
        """JPEGs of 4000 x 3000 pixels, quality 90, from one photograph scaled up."""
        with Image.open(io.BytesIO(self._originals[0])) as photograph:
            large = photograph.convert("RGB").resize((4000, 3000), Image.Resampling.BICUBIC)
        encoded = io.BytesIO()
        large.save(encoded, "JPEG", quality=90)
        return [self._marked(encoded.getvalue()) for _ in range(count)]

    @property
    def mean_bytes(self) -> int:
        """How large the photographs are."""
        return sum(map(len, self._originals)) // len(self._originals)

    def _marked(self, jpeg: bytes) -> bytes:
        """The same picture with a comment segment of its own behind the start marker."""
        text = f"{next(self._marks):0{_MARK_BYTES}}".encode()
        return jpeg[:2] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + jpeg[2:]


def write_all(pictures: list[bytes], folder: Path) -> None:
    """One file a picture, in order of name."""
    folder.mkdir(parents=True)
    for number, content in enumerate(pictures):
        (folder / f"{number:06}.jpg").write_bytes(content)
