"""Creates what several commands need from their settings."""

import sys
from typing import Final

from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.classify.loader import load_classifier
from taskworker_classifyimage.classify.options import ModelOptions, Preprocessing
from taskworker_classifyimage.machine import usable_memory_bytes
from taskworker_classifyimage.sandbox.lockdown import ProcessLimits
from taskworker_classifyimage.sandbox.pool import DecoderPool, choose_launcher
from taskworker_classifyimage.settings.areas import Decoding, ModelFiles, Models

#: Enough for 200 million pixels in most formats.
_MAX_MEMORY_BYTES: Final = 2 * 2**30


def decoder_pool(decoding: Decoding) -> DecoderPool:
    """A pool of decoder processes, to be used as a context manager."""
    state = decoding.state_folder()
    # One picture must not be able to take all the memory of a small container.
    picture_bytes = min(_MAX_MEMORY_BYTES, usable_memory_bytes() // 2)
    return DecoderPool(
        choose_launcher(ProcessLimits(decoding.decode_timeout, picture_bytes)),
        processes=decoding.decoder_processes,
        notes=state and state / "deaths",
    )


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
