from pathlib import Path

import numpy as np

from support.keras_files import keras, skip_without_tensorflow
from support.odd_pictures import write_odd_pictures
from taskworker_classifyimage.classify.loader import load_classifier
from taskworker_classifyimage.classify.options import ModelOptions
from taskworker_classifyimage.decode import DecodeLimits, decode
from taskworker_classifyimage.input_spec import InputSpec, as_original

skip_without_tensorflow()

WANTED = InputSpec(size=96, crop=0.875)


def test_the_pixels_are_those_that_keras_loads(tmp_path: Path) -> None:
    """Bit by bit, for every mode, position and size."""
    for path in write_odd_pictures(tmp_path):
        expected = np.asarray(keras().utils.load_img(path, target_size=(96, 96)))
        found = decode(path.read_bytes(), as_original(WANTED), DecodeLimits()).pixels
        assert (found == expected).all(), path.name


def test_a_turned_picture_stays_as_it_is_stored(tmp_path: Path) -> None:
    """The original knows no EXIF, which other models do."""
    turned = next(path for path in write_odd_pictures(tmp_path, 24) if "turned-6" in path.name)
    decoded = decode(turned.read_bytes(), as_original(WANTED), DecodeLimits())
    stored = decoded.pixels
    assert decoded.facts.orientation == 1, "evidence must not tell of a turn that was not made"
    upright = decode(turned.read_bytes(), InputSpec(96, None, "nearest"), DecodeLimits()).pixels
    assert (np.rot90(stored, k=-1) == upright).mean() > 0.9


def test_any_model_can_be_given_them() -> None:
    """The square is the model's own, and the description that evidence is made of says so."""
    options = ModelOptions(preprocessing="original")
    spec = load_classifier("EfficientNetLite0", options=options).model.input
    assert spec == InputSpec(224, crop=None, resize="nearest", as_original=True)
