from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from support import corpus
from support.espresso import Espresso
from support.keras_files import keras, skip_without_tensorflow
from support.odd_pictures import write_odd_pictures
from support.turned import LAID_DOWN, exif_of
from taskworker_classifyimage.classify.loader import load_classifier
from taskworker_classifyimage.classify.options import ModelOptions
from taskworker_classifyimage.decode import DecodeLimits, decode
from taskworker_classifyimage.input_spec import InputSpec, as_original

SPEC = InputSpec(size=128, crop=0.875)


WANTED = InputSpec(size=96, crop=0.875)


FORMATS: dict[str, tuple[str, dict[str, object]]] = {
    "JPEG": ("JPEG", {"quality": 95}),
    "TIFF": ("TIFF", {}),
    "TIFF in LZW": ("TIFF", {"compression": "tiff_lzw"}),
    "PNG": ("PNG", {}),
    "WebP": ("WEBP", {"lossless": True}),
    "HEIC": ("HEIF", {"quality": 90, "enc_params": {"preset": "ultrafast"}}),
    "AVIF": ("AVIF", {"quality": 90, "speed": 9}),
}


def laid_down(orientation: int, kind: str, **options: object) -> bytes:
    turn = LAID_DOWN[orientation]
    image = corpus.reference() if turn is None else corpus.reference().transpose(turn)
    if kind == "TIFF":
        return corpus.save(image, kind, tiffinfo={274: orientation}, **options)
    return corpus.save(image, kind, exif=exif_of(orientation), **options)


def square_of(image: Image.Image) -> npt.NDArray[np.int16]:
    """(64, 64, 3), decoded from a PNG."""
    encoded = corpus.save(image, "PNG")
    return decode(encoded, InputSpec(size=64, crop=0.875), DecodeLimits()).pixels.astype(np.int16)


def test_the_middle_is_kept_and_nothing_is_stretched() -> None:
    """A circle in the middle of a wide picture stays a circle."""
    image = Image.new("RGB", (400, 100), "red")
    image.paste("white", (150, 0, 250, 100))
    assert (square_of(image) == 255).all()


def test_a_share_of_both_sides_may_be_stretched() -> None:
    """Of a wide picture, the middle of each side; its corners are cut off."""
    image = Image.new("RGB", (400, 100), "red")
    image.paste("white", (50, 10, 350, 90))
    image.paste("black", (190, 10, 210, 90))
    encoded = corpus.save(image, "PNG")
    spec = InputSpec(size=60, crop=0.75, resize="nearest", is_stretched=True)
    pixels = decode(encoded, spec, DecodeLimits()).pixels
    assert (pixels[:, [0, 27, 32, 59]] == 255).all()
    assert (pixels[:, 28:32] == 0).all()


def test_a_fine_pattern_does_not_become_a_coarse_one() -> None:
    """Anti-aliasing: stripes of one pixel become grey, not other stripes."""
    stripes = np.zeros((640, 640), dtype=np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(square_of(Image.fromarray(stripes))[8:-8, 8:-8] - 127).max() < 12


@pytest.mark.parametrize("orientation", LAID_DOWN)
@pytest.mark.parametrize("name", FORMATS)
def test_a_turned_picture_is_seen_upright(name: str, orientation: int, espresso: Espresso) -> None:
    """Exactly once: same pixels, same answer, and the facts state the orientation."""
    kind, options = FORMATS[name]
    encoded = laid_down(orientation, kind, **options)
    decoded = decode(encoded, SPEC, DecodeLimits())
    upright = decode(laid_down(1, kind, **options), SPEC, DecodeLimits())
    difference = np.abs(decoded.pixels.astype(np.int16) - upright.pixels)
    assert difference.mean() < 2
    assert decoded.facts.orientation == orientation
    stored = (240, 160) if orientation < 5 else (160, 240)
    assert (decoded.facts.width, decoded.facts.height) == stored
    assert espresso.is_seen_in(encoded)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_turns_nothing(orientation: int) -> None:
    """EXIF data may hold any number."""
    image = corpus.reference()
    for encoded in (
        corpus.save(image, "PNG", exif=exif_of(orientation)),
        corpus.save(image, "TIFF", tiffinfo={274: orientation}),
    ):
        decoded = decode(encoded, SPEC, DecodeLimits())
        assert decoded.facts.orientation == 1
        assert decoded.pixels.shape == (128, 128, 3)


@pytest.mark.large
def test_the_pixels_are_those_that_keras_loads(tmp_path: Path) -> None:
    """Bit for bit, for every mode, orientation and size."""
    skip_without_tensorflow()
    for path in write_odd_pictures(tmp_path):
        expected = np.asarray(keras().utils.load_img(path, target_size=(96, 96)))
        found = decode(path.read_bytes(), as_original(WANTED), DecodeLimits()).pixels
        assert (found == expected).all(), path.name


def test_a_turned_picture_stays_as_it_is_stored(tmp_path: Path) -> None:
    """The original worker ignores EXIF; other specs do not."""
    turned = next(path for path in write_odd_pictures(tmp_path, 24) if "turned-6" in path.name)
    decoded = decode(turned.read_bytes(), as_original(WANTED), DecodeLimits())
    stored = decoded.pixels
    assert decoded.facts.orientation == 1, "evidence must not state a turn that was not made"
    upright = decode(turned.read_bytes(), InputSpec(96, None, "nearest"), DecodeLimits()).pixels
    assert (np.rot90(stored, k=-1) == upright).mean() > 0.9


def test_any_model_can_be_given_them() -> None:
    """The size stays the model's, and its description states the preprocessing."""
    options = ModelOptions(preprocessing="original")
    spec = load_classifier("EfficientNetLite0", options=options).model.input
    assert spec == InputSpec(224, crop=None, resize="nearest", as_original=True)
