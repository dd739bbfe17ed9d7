"""The operator's choice of models: where they are found, and how they are used."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from platformdirs import user_cache_path

_log = logging.getLogger(__name__)

DEFAULT_MODEL: Final = "EfficientNetLite2"

Preprocessing = Literal["model", "original"]

#: The folder in which the original worker keeps its model, relative to the current one.
_LOCAL_FOLDER: Final = Path("models")


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """How models are found and used.

    Attributes:
        models_dir: the models folder; None: `./models` if it exists, else one in the user's cache.
        offline: forbids downloads.
        preprocessing: "model", as the model's description states; "original", as the original
            worker did it, whatever the model.
        tell: receives lines about a download's progress.
        labels_dir: folder with names of the classes of ILSVRC2012 in further languages.
        speeds: folder where the speeds of runtimes are kept; None: "auto" is ONNX Runtime on a CPU.
    """

    models_dir: Path | None = None
    offline: bool = False
    preprocessing: Preprocessing = "model"
    tell: Callable[[str], None] = _log.info
    labels_dir: Path | None = None
    speeds: Path | None = None

    def models_folder(self) -> Path | None:
        """The models folder, which may not exist yet; None if none is named or known."""
        if self.models_dir is not None:
            return self.models_dir
        if _LOCAL_FOLDER.is_dir():
            return _LOCAL_FOLDER.absolute()
        try:
            return user_cache_path("taskworker-classifyimage", appauthor=False) / "models"
        except RuntimeError:
            return None
