"""Creates what several commands need from their settings."""

import sys
from typing import TYPE_CHECKING

from taskworker_classifyimage.classify.options import ModelOptions, Preprocessing
from taskworker_classifyimage.sandbox.pool import DecoderPool, make_pool
from taskworker_classifyimage.settings.areas import Decoding, ModelFiles, Models

if TYPE_CHECKING:
    from taskworker_classifyimage.classify.base import Classifier


def decoder_pool(decoding: Decoding) -> DecoderPool:
    """A pool of decoder processes, to be used as a context manager."""
    return make_pool(decoding.decode_timeout, decoding.decoder_processes, decoding.state_folder())


def model_options(files: ModelFiles, preprocessing: Preprocessing = "model") -> ModelOptions:
    """How models are found and used; progress of downloads goes to standard error."""
    return ModelOptions(
        files.models_dir, files.offline, preprocessing, _print_progress, files.labels_dir
    )


def load_first(models: Models) -> "Classifier":
    """Loads the first model that is named on its device.

    Raises:
        ModelError: it cannot be found or does not run.
    """
    from taskworker_classifyimage.classify.loader import load_classifier  # noqa: PLC0415 - decoders start meanwhile

    options = model_options(models.files, models.preprocessing)
    return load_classifier(models.model[0], models.device, options)


def _print_progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
