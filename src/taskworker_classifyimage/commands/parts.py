"""Creates what several commands need from their settings."""

import sys
from typing import Final

from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.classify.loader import load_classifier
from taskworker_classifyimage.classify.options import ModelOptions, Preprocessing
from taskworker_classifyimage.machine import free_memory_bytes, usable_memory_bytes
from taskworker_classifyimage.sandbox.lockdown import ProcessLimits
from taskworker_classifyimage.sandbox.pool import DecoderPool, choose_launcher
from taskworker_classifyimage.settings.areas import Decoding, ModelFiles, Models

#: Enough for 200 million pixels in most formats.
_MAX_MEMORY_BYTES: Final = 2 * 2**30
#: The share of all memory that a decoder may take for one picture.
_PICTURE_SHARE: Final = 0.75
#: The share of the free memory that is for pictures, without what decoders keep of earlier ones.
_PICTURES_SHARE: Final = 0.95
_SPARE_DECODER_BYTES: Final = 16 * 2**20
#: Enough for most pictures; with less there is no point in trying.
_LEAST_MEMORY_BYTES: Final = 64 * 2**20


def decoder_pool(decoding: Decoding) -> DecoderPool:
    """A pool of decoder processes, to be used as a context manager."""
    state = decoding.state_folder()
    # One picture must not be able to take all the memory of a small container.
    picture_bytes = min(_MAX_MEMORY_BYTES, int(_PICTURE_SHARE * usable_memory_bytes()))
    return DecoderPool(
        choose_launcher(ProcessLimits(decoding.decode_timeout, picture_bytes)),
        processes=decoding.decoder_processes,
        notes=state and state / "deaths",
    )


def picture_memory_bytes(processes: int) -> int:
    """The memory that all pictures together may take from now on.

    Args:
        processes: decoders, which are up already.
    """
    spare_bytes = processes * _SPARE_DECODER_BYTES
    return max(int(_PICTURES_SHARE * free_memory_bytes()) - spare_bytes, _LEAST_MEMORY_BYTES)


def model_options(files: ModelFiles, preprocessing: Preprocessing = "model") -> ModelOptions:
    """How models are found and used; progress of downloads goes to standard error."""
    return ModelOptions(files.models_dir, files.offline, preprocessing, _print_progress)


def load_first(models: Models) -> Classifier:
    """Loads the first model that is named on its device.

    Raises:
        ModelError: it cannot be found or does not run.
    """
    options = model_options(models.files, models.preprocessing)
    return load_classifier(models.model[0], models.device, options)


def _print_progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
