"""Real parts that several commands need, as the settings say."""

import sys
from typing import Final

from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.classify.loader import load_classifier
from taskworker_classifyimage.classify.options import ModelOptions
from taskworker_classifyimage.machine import usable_memory_bytes
from taskworker_classifyimage.sandbox.lockdown import ProcessLimits
from taskworker_classifyimage.sandbox.pool import DecoderPool, choose_launcher
from taskworker_classifyimage.settings import Decoding, ModelFiles, Models

#: Enough for 200 million pixels in most formats.
_MAX_MEMORY_BYTES: Final = 2 * 2**30


def decoder_pool(decoding: Decoding) -> DecoderPool:
    """The pool that the settings describe; to be entered."""
    memory_bytes, state = usable_memory_bytes(), decoding.state_folder()
    # One picture must not be able to take all the memory of a small container.
    picture_bytes = min(_MAX_MEMORY_BYTES, memory_bytes // 2) if memory_bytes else _MAX_MEMORY_BYTES
    return DecoderPool(
        choose_launcher(ProcessLimits(decoding.decode_timeout, picture_bytes)),
        processes=decoding.decoder_processes,
        notes=state and state / "deaths",
    )


def model_options(models: Models) -> ModelOptions:
    """How models are found and used; progress of downloads goes to standard error."""
    files = models.files
    return ModelOptions(files.models_dir, files.offline, models.preprocessing, print_progress)


def model_files_options(files: ModelFiles) -> ModelOptions:
    """The same for commands that run no model of `--model`."""
    return ModelOptions(files.models_dir, files.offline, tell=print_progress)


def load_first(models: Models) -> Classifier:
    """The first model that is named, on its device.

    Raises:
        ModelError: it is not there, or does not run.
    """
    return load_classifier(models.model[0], models.device, model_options(models))


def print_progress(text: str) -> None:
    """Shows a line to whoever waits."""
    print(text, file=sys.stderr, flush=True)
