import numpy as np
import pytest
from PIL.Image import Transpose

from support import corpus
from support.turned import LAID_DOWN, exif_of
from taskworker_classifyimage.decode import DecodeLimits, decode
from taskworker_classifyimage.input_spec import InputSpec

SPEC = InputSpec(size=128, crop=0.875)


@pytest.mark.parametrize("orientation", LAID_DOWN)
def test_a_raw_files_preview_is_turned_as_the_file_says(orientation: int) -> None:
    """Most previews have no orientation of their own."""
    turn = LAID_DOWN[orientation]
    image = corpus.reference() if turn is None else corpus.reference().transpose(turn)
    raw = corpus.dng(image, corpus.save(image, "JPEG", quality=95), orientation)
    decoded = decode(raw, SPEC, DecodeLimits())
    upright = decode(corpus.encoded("png_rgb"), SPEC, DecodeLimits())
    assert np.abs(decoded.pixels.astype(np.int16) - upright.pixels).mean() < 3
    assert decoded.facts.orientation == orientation


def test_a_preview_that_says_which_way_up_it_is_is_not_turned_twice() -> None:
    """The RAW file states the same orientation, for the sensor's data."""
    image = corpus.reference().transpose(Transpose.ROTATE_90)
    preview = corpus.save(image, "JPEG", quality=95, exif=exif_of(6))
    decoded = decode(corpus.dng(image, preview, 6), SPEC, DecodeLimits())
    upright = decode(corpus.encoded("png_rgb"), SPEC, DecodeLimits())
    assert np.abs(decoded.pixels.astype(np.int16) - upright.pixels).mean() < 3


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_preview_that_stands_already_is_not_turned(orientation: int) -> None:
    """The sensor's picture lies, the preview stands, and has no orientation of its own."""
    standing = corpus.reference().rotate(90, expand=True)
    preview = corpus.save(standing, "JPEG", quality=95)
    decoded = decode(corpus.dng(corpus.reference(), preview, orientation), SPEC, DecodeLimits())
    expected = decode(corpus.save(standing, "PNG"), SPEC, DecodeLimits())
    assert np.abs(decoded.pixels.astype(np.int16) - expected.pixels).mean() < 3
    assert decoded.facts.orientation == 1
