"""The models that this installation has, and those that a path leads to."""

from functools import cache
from pathlib import Path
from typing import Final

from taskworker_classifyimage.classify.description import read_pack
from taskworker_classifyimage.classify.model_pack import ModelPack
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


def find_pack(model: str) -> ModelPack:
    """The built-in pack of that name, or the pack in the folder or zip at that path.

    Raises:
        ConfigError: there is none; the message lists those that are built in.
        ModelError: the pack is broken.
    """
    packs = {pack.name: pack for pack in built_in_packs()}
    if model in packs:
        return packs[model]
    if Path(model).exists():
        return read_pack(Path(model))
    raise ConfigError(
        f"model {model!r} is not there; there are {', '.join(packs)}, "
        f"or the path of a model pack, a folder or a zip"
    )
