"""The engine on this machine."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from taskworker_classifyimage.commands.engine import FolderTask
from taskworker_classifyimage.commands.parts import decoder_pool

if TYPE_CHECKING:
    from taskworker_classifyimage.classify.base import Classifier
    from taskworker_classifyimage.local.run import Engine, Hooks
    from taskworker_classifyimage.sandbox.pool import DecoderPool
    from taskworker_classifyimage.tasks import ClassifyRequest


class ThisMachine:
    """Classifies with the cores, and perhaps the GPU, of this machine."""

    def classify(self, task: FolderTask) -> int:
        """See `Engine`."""
        settings = task.settings
        # First of all: what decoders import takes as long as all the rest of the start.
        with decoder_pool(settings.decoding) as decoders:
            from taskworker_classifyimage.commands.folder_job import make_job  # noqa: PLC0415 - as above
            from taskworker_classifyimage.commands.parts import load_first  # noqa: PLC0415 - as above
            from taskworker_classifyimage.local.description import describe_run  # noqa: PLC0415 - as above

            job = make_job(task)
            classifier, request = load_first(settings.models), task.answers.request()
            facts = describe_run(classifier, settings.models.preprocessing, request)
            remembers = not task.outputs.no_dedup
            return job.run(facts, partial(_use_model, classifier, decoders, request, remembers))


@asynccontextmanager
async def _use_model(
    classifier: "Classifier",
    decoders: "DecoderPool",
    request: "ClassifyRequest",
    remembers: bool,
    hooks: "Hooks",
) -> "AsyncIterator[Engine]":
    from taskworker_classifyimage.local.engine import LocalEngine  # noqa: PLC0415 - decoders start meanwhile

    engine = LocalEngine(classifier, decoders, request, remembers=remembers, hooks=hooks)
    try:
        yield engine
    finally:
        engine.close()
