"""What the operator decides about finding and using models."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from platformdirs import user_cache_path

_log = logging.getLogger(__name__)

Preprocessing = Literal["model", "original"]
PREPROCESSINGS: Final[tuple[Preprocessing, ...]] = ("model", "original")

#: Where the original keeps its model; used if it is there.
_BESIDE: Final = Path("models")


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """How models are found and used.

    Attributes:
        models_dir: the models folder; None: `./models` if that is there, else the user's cache.
        offline: nothing is downloaded.
        preprocessing: "model", as the model's own description wants it; "original", as the
            original worker did it, whatever the model.
        tell: is given a line about a download's progress now and then.
    """

    models_dir: Path | None = None
    offline: bool = False
    preprocessing: Preprocessing = "model"
    tell: Callable[[str], None] = _log.info

    def models_folder(self) -> Path | None:
        """The models folder, there or not; None: none is named, and the user has no home."""
        if self.models_dir is not None:
            return self.models_dir
        if _BESIDE.is_dir():
            return _BESIDE.absolute()
        try:
            return user_cache_path("taskworker-classifyimage", appauthor=False) / "models"
        except RuntimeError:
            return None
