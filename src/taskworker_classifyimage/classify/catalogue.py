"""The models that this installation has."""

from functools import cache
from pathlib import Path
from typing import Final

from taskworker_classifyimage.classify.model_pack import ModelPack, read_pack
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


def find_pack(name: str) -> ModelPack:
    """The pack of that name.

    Raises:
        ConfigError: there is none; the message lists those that are there.
        ModelError: a pack is broken.
    """
    packs = {pack.name: pack for pack in built_in_packs()}
    if name not in packs:
        raise ConfigError(f"model {name!r} is not there; there are {', '.join(packs)}")
    return packs[name]
