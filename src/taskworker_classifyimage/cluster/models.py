"""The models of an actor: loaded on its node, the same on all nodes."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from taskworker_classifyimage import __version__
from taskworker_classifyimage.classify.base import Classifier, Model
from taskworker_classifyimage.classify.device import Device
from taskworker_classifyimage.classify.loader import load_classifiers
from taskworker_classifyimage.classify.options import ModelOptions
from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.local.engine import Share
from taskworker_classifyimage.machine import return_freed_memory, usable_cores
from taskworker_classifyimage.sandbox.pool import DecoderPool, make_pool


@dataclass(frozen=True, slots=True)
class ModelJob:
    """How an actor classifies.

    Attributes:
        version: of this program.
        folder: that relative paths start from.
        models, device, options: as for `load_classifiers`.
        cpus: that the actor may use.
        has_gpu: whether it has a GPU, or a part of one.
        decoder_processes, decode_timeout, state: as for `make_pool`.
    """

    version: str
    folder: str
    models: tuple[str, ...]
    device: Device
    options: ModelOptions
    cpus: int
    has_gpu: bool
    decoder_processes: int | None
    decode_timeout: int
    state: Path | None

    @property
    def decoders(self) -> int:
        """Decoder processes of an actor, on a node that has as many cores."""
        return self.decoder_processes or self.cpus


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """What a classifier on a node says about itself; see `Classifier`."""

    model: Model
    library: str
    device: str
    threads: int


@dataclass(frozen=True, slots=True)
class ActorModels:
    """What an actor works with.

    Attributes:
        share: what it may take of its node.
    """

    classifiers: Sequence[Classifier]
    decoders: DecoderPool
    share: Share


def describe_models(job: ModelJob) -> list[LoadedModel]:
    """Loads the models as an actor does, and says what they are.

    Raises:
        UserError: they cannot be loaded there.
    """
    _enter(job)
    return list(map(_describe, load_classifiers(job.models, job.device, job.options)))


def open_models(job: ModelJob, expected: Sequence[LoadedModel]) -> ActorModels:
    """Loads the models and starts the decoders, which end with this process.

    Raises:
        ConfigError: they are others than expected.
        UserError: they cannot be loaded.
    """
    _enter(job)
    return_freed_memory()
    cores = usable_cores()
    decoders = make_pool(job.decode_timeout, min(job.decoders, cores), job.state)
    # Decoders start while the models load.
    decoders.__enter__()
    try:
        classifiers = load_classifiers(job.models, job.device, job.options)
        for classifier, other in zip(classifiers, expected, strict=True):
            _compare(_describe(classifier), other)
    except BaseException:
        decoders.close()
        raise
    most = max(classifier.threads for classifier in classifiers)
    threads = most if job.has_gpu else min(job.cpus, most)
    return ActorModels(classifiers, decoders, Share(threads, min(1.0, job.cpus / cores)))


def _describe(classifier: Classifier) -> LoadedModel:
    return LoadedModel(classifier.model, classifier.library, classifier.device, classifier.threads)


def _compare(here: LoadedModel, there: LoadedModel) -> None:
    for what, mine, other in (
        ("checksum of the model", here.model.sha256, there.model.sha256),
        ("library", here.library, there.library),
        ("device", here.device, there.device),
    ):
        if mine != other:
            raise ConfigError(
                f"nodes of the cluster differ in the {what}: {mine!r} and {other!r}; install the "
                "same on all of them"
            )


def _enter(job: ModelJob) -> None:
    if job.version != __version__:
        raise ConfigError(
            f"a node of the cluster has version {__version__} of this program, not {job.version}; "
            "install the same on all of them"
        )
    with suppress(OSError):
        # Where a node has no such folder, only whole paths and addresses lead anywhere.
        os.chdir(job.folder)
