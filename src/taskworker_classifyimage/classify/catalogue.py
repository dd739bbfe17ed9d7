"""Finds models by name: built in, at a path, in the models folder, or a network of Keras."""

import difflib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from taskworker_classifyimage.classify.description import read_pack
from taskworker_classifyimage.classify.keras.model import KerasModel, find_keras_model
from taskworker_classifyimage.classify.keras.networks import keras_networks
from taskworker_classifyimage.classify.keras.tensorflow_import import check_installed
from taskworker_classifyimage.classify.model_pack import DESCRIPTION_FILE, ModelPack
from taskworker_classifyimage.classify.options import ModelOptions
from taskworker_classifyimage.errors import ConfigError, ModelError

_BUILT_IN = Path(__file__).parent.parent / "data" / "models"


@cache
def built_in_packs() -> tuple[ModelPack, ...]:
    """The packs that are part of this program, sorted by name.

    Raises:
        ModelError: there are none, or one is broken.
    """
    folders = sorted(path for path in _BUILT_IN.glob("*") if path.is_dir())
    if not folders:
        raise ModelError(f"{_BUILT_IN} holds no models; install again")
    return tuple(read_pack(folder) for folder in folders)


def pack_paths(folder: Path | None) -> Iterator[Path]:
    """The packs in a models folder, folders and zips, sorted by name."""
    if folder is not None and folder.is_dir():
        for path in sorted(folder.iterdir()):
            if _may_be_pack(path):
                yield path


def _may_be_pack(path: Path) -> bool:
    try:
        return path.suffix == ".zip" or (path / DESCRIPTION_FILE).is_file()
    except OSError:
        # No access, as to a disk's lost+found; the error appears when this pack is named.
        return True


def find_model(model: str, options: ModelOptions) -> ModelPack | KerasModel:
    """Finds the model of that name; downloads the weights of a Keras network if necessary.

    Raises:
        ConfigError: there is none; the message lists those that exist.
        ModelError: it is broken, or cannot be obtained or run here.
    """
    network = keras_networks().get(model)
    if network is not None and _find_path(model, options) is None:
        check_installed(network.name)
        return find_keras_model(network, options)
    return find_pack(model, options)


def find_pack(model: str, options: ModelOptions | None = None) -> ModelPack:
    """Finds the pack of that name, built in or in the models folder, or the one at that path.

    Raises:
        ConfigError: there is none; the message lists those that exist.
        ModelError: the pack is broken.
    """
    packs = {pack.name: pack for pack in built_in_packs()}
    if model in packs:
        return packs[model]
    path = _find_path(model, options or ModelOptions())
    if path is not None:
        return read_pack(path)
    known = {name.lower(): name for name in (*packs, *keras_networks())}
    near = difflib.get_close_matches(model.lower(), known, n=1, cutoff=0.8)
    raise ConfigError(
        f"there is no model {model!r}; there are {', '.join(packs)}, the networks of Keras "
        f"(see the command 'models'), or the path of a model pack, a folder or a zip"
        + "".join(f"; did you mean {known[name]}?" for name in near)
    )


def _find_path(model: str, options: ModelOptions) -> Path | None:
    named = Path(model)
    # A folder of pictures may have the name of a network.
    if named.exists() and (model not in keras_networks() or _may_be_pack(named)):
        return named
    names = (model, f"{model}.zip")
    return next((path for path in pack_paths(options.models_folder()) if path.name in names), None)
