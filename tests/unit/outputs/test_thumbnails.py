import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from taskworker_classifyimage.local.index import Index
from taskworker_classifyimage.outputs.thumbnails import Thumbnails


@pytest.mark.parametrize("shape", [(64, 96, 3), (1, 96, 3), (96, 1, 3), (1, 1, 3)])
def test_a_thumbnail_is_a_small_jpeg_of_the_same_pixels(
    tmp_path: Path, shape: tuple[int, int, int]
) -> None:
    """Nothing but pixels comes from a decoder; the file is made here."""
    pixels = np.full(shape, (200, 100, 50), dtype=np.uint8)
    encoded = Thumbnails(Index(tmp_path / "index")).encode(pixels)
    image = Image.open(io.BytesIO(encoded))
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (shape[1], shape[0]))
    assert np.abs(np.asarray(image).astype(int) - pixels).max() < 12
    assert len(encoded) < 2000


def test_thumbnails_are_found_again_by_another_run(tmp_path: Path) -> None:
    """By the content of the file, from when they are written; the latest counts."""
    one, other = "11" * 32, "22" * 32
    index = Index(tmp_path / "index")
    index.open()
    thumbnails = Thumbnails(index)
    thumbnails.write()
    thumbnails.keep(one, b"old")
    thumbnails.keep(one, b"new")
    assert index.find_thumbnail(one) is None
    thumbnails.write()
    index.close()
    later = Index(tmp_path / "index")
    later.open()
    assert (later.find_thumbnail(one), later.find_thumbnail(other)) == (b"new", None)
    later.close()
