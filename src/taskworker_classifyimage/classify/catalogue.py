"""The models there are: built in, at a path, in the models folder, and the networks of Keras."""

import difflib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from taskworker_classifyimage.classify.description import read_pack
from taskworker_classifyimage.classify.keras.model import KerasModel, keras_model
from taskworker_classifyimage.classify.keras.networks import keras_networks
from taskworker_classifyimage.classify.model_pack import DESCRIPTION_FILE, ModelPack
from taskworker_classifyimage.classify.options import ModelOptions
from taskworker_classifyimage.errors import ConfigError, ModelError

DEFAULT_MODEL: Final = "EfficientNetLite2"

_BUILT_IN = Path(__file__).parent.parent / "data" / "models"


@cache
def built_in_packs() -> tuple[ModelPack, ...]:
    """The packs that came with the program, sorted by name.

    Raises:
        ModelError: there are none, or one is broken.
    """
    folders = sorted(path for path in _BUILT_IN.glob("*") if path.is_dir())
    if not folders:
        raise ModelError(f"{_BUILT_IN} holds no models; install again")
    return tuple(read_pack(folder) for folder in folders)


def pack_paths(folder: Path | None) -> Iterator[Path]:
    """The packs in a models folder, folders and zips, in the order of their names."""
    if folder is not None and folder.is_dir():
        for path in sorted(folder.iterdir()):
            if _may_be_pack(path):
                yield path


def _may_be_pack(path: Path) -> bool:
    try:
        return path.suffix == ".zip" or (path / DESCRIPTION_FILE).is_file()
    except OSError:
        # Closed to us, as a disk's lost+found is; whoever asks for it is told so.
        return True


def find_model(model: str, options: ModelOptions) -> ModelPack | KerasModel:
    """The model of that name; the weights of a Keras network are downloaded if need be.

    Raises:
        ConfigError: there is none; the message lists what there is.
        ModelError: it is broken, or cannot be had.
    """
    network = keras_networks().get(model)
    if network is not None and _pack_path(model, options) is None:
        return keras_model(network, options)
    return find_pack(model, options)


def find_pack(model: str, options: ModelOptions | None = None) -> ModelPack:
    """The pack of that name, built in or in the models folder, or the one at that path.

    Raises:
        ConfigError: there is none; the message lists what there is.
        ModelError: the pack is broken.
    """
    packs = {pack.name: pack for pack in built_in_packs()}
    if model in packs:
        return packs[model]
    path = _pack_path(model, options or ModelOptions())
    if path is not None:
        return read_pack(path)
    known = {name.lower(): name for name in (*packs, *keras_networks())}
    near = difflib.get_close_matches(model.lower(), known, n=1, cutoff=0.8)
    raise ConfigError(
        f"model {model!r} is not there; there are {', '.join(packs)}, the networks of Keras "
        f"(see the command 'models'), or the path of a model pack, a folder or a zip"
        + "".join(f"; did you mean {known[name]}?" for name in near)
    )


def _pack_path(model: str, options: ModelOptions) -> Path | None:
    named = Path(model)
    # A folder of pictures may be called as a network is.
    if named.exists() and (model not in keras_networks() or _may_be_pack(named)):
        return named
    names = (model, f"{model}.zip")
    return next((path for path in pack_paths(options.models_folder()) if path.name in names), None)
