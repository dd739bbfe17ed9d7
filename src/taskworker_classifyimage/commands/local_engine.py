"""The engine on this machine."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from taskworker_classifyimage.commands.engine import FolderTask
from taskworker_classifyimage.commands.parts import decoder_pool
from taskworker_classifyimage.settings.areas import WorkSettings

if TYPE_CHECKING:
    from taskworker_classifyimage.classify.base import Classifier
    from taskworker_classifyimage.local.run import Engine, Hooks
    from taskworker_classifyimage.pipeline.task_engine import TaskEngine, Watched
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
            task.answers.check_filter(classifier.model.threshold)
            facts = describe_run(classifier, settings.models.preprocessing, request)
            remembers = not task.outputs.no_dedup
            return job.run(facts, partial(_use_model, classifier, decoders, request, remembers))

    @contextmanager
    def open_models(self, settings: WorkSettings) -> "Iterator[LocalModels]":
        """See `Engine`."""
        with decoder_pool(settings.decoding) as decoders:
            # Decoder processes start while the models load.
            from taskworker_classifyimage.classify.loader import load_classifiers  # noqa: PLC0415 - as above
            from taskworker_classifyimage.commands.parts import model_options  # noqa: PLC0415 - as above

            models = settings.models
            state = settings.decoding.state_folder()
            # A device that is named is not measured, and runs as it is named.
            speeds = state / "speeds" if state and models.device.kind == "auto" else None
            options = replace(model_options(models.files, models.preprocessing), speeds=speeds)
            classifiers = load_classifiers(models.model, models.device, options)
            yield LocalModels(classifiers, decoders, speeds)


class LocalModels:
    """Models that run on this machine; see `Models`."""

    def __init__(
        self, classifiers: "Sequence[Classifier]", decoders: "DecoderPool", speeds: Path | None
    ) -> None:
        """Takes decoders that `start` waits for, and the folder of measured speeds."""
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - as above

        self.loaded = classifiers
        self._speeds = speeds
        # One more than the device needs, as one thread usually waits for a decoder process.
        self.threads = 1 + max(classifier.threads for classifier in classifiers)
        self._pool = decoders
        self._compute = ThreadPoolExecutor(self.threads, thread_name_prefix="compute")

    @property
    def decoders(self) -> "Watched":
        """See `Models`."""
        return self._pool

    def improve(self, has_begun: Callable[[], bool]) -> Iterator[Coroutine[None, None, None]]:
        """See `Models`."""
        from taskworker_classifyimage.worker.measuring import measure_runtimes  # noqa: PLC0415 - as above

        if self._speeds is not None:
            yield measure_runtimes(self.loaded, self._speeds, has_begun)

    async def start(self) -> "Sequence[TaskEngine]":
        """See `Models`."""
        from taskworker_classifyimage.local.task_engines import start_engines  # noqa: PLC0415 - as above

        return await start_engines(self.loaded, self._pool, self._compute)

    def close(self) -> None:
        """See `Models`."""
        # Threads and decoder processes, which may hang, are not waited for.
        self._pool.close()
        self._compute.shutdown(wait=False, cancel_futures=True)


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
