"""The original worker: its network, its files, and its answers, computed with Keras alone."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from support.keras_files import keras, pin, save_as_published, seeded_network
from support.programs import ROOT
from taskworker_classifyimage.classify.keras.networks import keras_networks
from taskworker_classifyimage.classify.options import ModelOptions

MODEL = "MobileNetV3Large"
SIZE = 224

PUBLISHED = keras_networks()[MODEL].file
#: The file as Keras publishes it, as Keras saves weights, as the original saves the whole network.
FILES = (PUBLISHED, f"{MODEL}.weights.h5", "tensorflow/mobilenetv3large_model.keras")

_LABELS = ROOT / "src/taskworker_classifyimage/data/labels/en.names"
#: The thousand synset ids in order, which is the order of the network's answers.
SYNSETS = sorted(line[:9] for line in _LABELS.read_text(encoding="utf-8").splitlines())

Scores = npt.NDArray[np.float32]


def seeded_original(pictures: list[Path]) -> Any:
    """The original's network with random weights that tell these pictures apart."""
    return seeded_network(MODEL, np.stack([_load(each) for each in pictures]).astype(np.uint8))


def save_weights(network: Any, folder: Path, name: str) -> ModelOptions:
    """Puts one of `FILES` into a models folder; returns the options to use it as the original."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if name.endswith(".weights.h5"):
        network.save_weights(path)
    else:
        save_as_published(network, path)
    if name == PUBLISHED:
        pin(path)
    return ModelOptions(folder, offline=True, preprocessing="original")


def original_scores(network: Any, path: Path) -> Scores:
    """(1000,) probabilities: `load_img`, the network's own preprocessing, `predict`."""
    batch = np.expand_dims(_load(path), axis=0)
    prepared = keras().applications.mobilenet_v3.preprocess_input(batch)
    (scores,) = network.predict(prepared, verbose=0)
    return np.asarray(scores)


def assert_same(scores: Scores, predictions: Any) -> int:
    """The same classes in the same order, every probability within 5e-5.

    Processors add in another order: with AVX-512, single probabilities were 2e-5 apart.

    Args:
        scores: (1000,) of the original.
        predictions: all thousand, of a result.

    Returns:
        How many ranks were compared: those before the first two that are all but equal.
    """
    found = {each["class"]: each["probability"] for each in predictions}
    differences = [
        abs(found[synset] - score) for synset, score in zip(SYNSETS, scores, strict=True)
    ]
    assert max(differences) < 5e-5
    best = scores.argsort()[::-1]
    is_apart = -np.diff(scores[best]) > 1e-4
    ranks = int(is_apart.argmin())
    expected = [SYNSETS[index] for index in best[:ranks]]
    assert [each["class"] for each in predictions[:ranks]] == expected
    return ranks


def _load(path: Path) -> npt.NDArray[np.float32]:
    library = keras()
    image = library.utils.load_img(path, target_size=(SIZE, SIZE))
    return np.asarray(library.utils.img_to_array(image))
