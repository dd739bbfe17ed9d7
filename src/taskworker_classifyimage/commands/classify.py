"""`classify`: classifies files and folders of this machine, here or through a bridge."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from taskworker_classifyimage import REPOSITORY, __version__
from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.machine import return_freed_memory
from taskworker_classifyimage.settings.areas import Calling, LocalSettings, UrlFlag
from taskworker_classifyimage.settings.classify_areas import Answers, Files, Outputs
from taskworker_classifyimage.tasks import INDEPENDENT, TASK_TYPE, ClassifyRequest

if TYPE_CHECKING:
    from taskworker_classifyimage.bridge_client.address import BridgeAddress
    from taskworker_classifyimage.classify.base import Classifier
    from taskworker_classifyimage.commands.folder_job import FolderJob
    from taskworker_classifyimage.local.run import Engine, Hooks
    from taskworker_classifyimage.sandbox.pool import DecoderPool


def run(
    *path: Annotated[str, Parameter(help="a file, folder or pattern; -: a picture on input")],
    taskbridgeurl: UrlFlag = None,
    files: Files = Files(),
    answers: Answers = Answers(),
    outputs: Outputs = Outputs(),
    calling: Calling = Calling(),
    settings: LocalSettings = LocalSettings(),
) -> int:
    """Prints one JSON object for each file, or writes it to the outputs.

    Args:
        taskbridgeurl: let the workers of this bridge classify; pictures are sent to it
    """
    settings.general.set_up_logging()
    return_freed_memory()
    if not path and files.files_from is None and files.vics is None:
        raise ConfigError(
            "name a file or folder, a list of files with --files-from, or a case with --vics"
        )
    if len(settings.models.model) > 1:
        raise ConfigError("--model: 'classify' takes one model")
    if taskbridgeurl is not None or outputs.sidecar_remove:
        return _run_without_model(
            _make_job(path, files, answers, outputs, settings),
            taskbridgeurl,
            calling,
            answers.request(),
        )
    from taskworker_classifyimage.commands.parts import decoder_pool  # noqa: PLC0415 - not for all

    # First of all: what decoders import takes as long as all the rest of the start.
    with decoder_pool(settings.decoding) as decoders:
        job = _make_job(path, files, answers, outputs, settings)
        return _run_with_model(job, decoders, settings, answers, remembers=not outputs.no_dedup)


def _make_job(
    path: tuple[str, ...],
    files: Files,
    answers: Answers,
    outputs: Outputs,
    settings: LocalSettings,
) -> "FolderJob":
    from taskworker_classifyimage.commands.folder_job import FolderJob  # noqa: PLC0415 - see above

    kept = answers.make_filter()
    job = FolderJob(path, files, outputs, kept, is_quiet=settings.general.quiet)
    job.check()
    return job


def _run_without_model(
    job: "FolderJob",
    taskbridgeurl: "BridgeAddress | None",
    calling: Calling,
    request: ClassifyRequest,
) -> int:
    if taskbridgeurl is None:
        return job.remove_sidecar_keywords()
    address = calling.secure(taskbridgeurl)
    facts = {"bridge": address.url, **_describe(request)}
    return job.run(facts, partial(_use_bridge, address, request))


def _run_with_model(
    job: "FolderJob",
    decoders: "DecoderPool",
    settings: LocalSettings,
    answers: Answers,
    *,
    remembers: bool,
) -> int:
    from taskworker_classifyimage.commands.parts import load_first  # noqa: PLC0415 - see above

    classifier, request = load_first(settings.models), answers.request()
    threshold = classifier.model.threshold
    facts = {
        "library": classifier.library,
        "model": classifier.model.name,
        "model_sha256": classifier.model.sha256,
        "temperature": classifier.model.temperature,
        "kind": None if threshold is None else INDEPENDENT,
        "device": classifier.device,
        "preprocessing": settings.models.preprocessing,
        **_describe(request, threshold),
    }
    return job.run(facts, partial(_use_model, classifier, decoders, request, remembers))


@asynccontextmanager
async def _use_model(
    classifier: "Classifier",
    decoders: "DecoderPool",
    request: ClassifyRequest,
    remembers: bool,
    hooks: "Hooks",
) -> "AsyncIterator[Engine]":
    from taskworker_classifyimage.local.engine import LocalEngine  # noqa: PLC0415 - as above

    engine = LocalEngine(classifier, decoders, request, remembers=remembers, hooks=hooks)
    try:
        yield engine
    finally:
        engine.close()


@asynccontextmanager
async def _use_bridge(
    address: "BridgeAddress",
    request: ClassifyRequest,
    hooks: "Hooks",
) -> "AsyncIterator[Engine]":
    from taskworker_classifyimage.bridge_client.client import BridgeClient  # noqa: PLC0415 - else no bridge
    from taskworker_classifyimage.bridge_client.submission import Submission  # noqa: PLC0415 - as above
    from taskworker_classifyimage.local.bridge_engine import BridgeEngine  # noqa: PLC0415 - as above

    async with BridgeClient(address) as client:
        submission = Submission(client, TASK_TYPE)
        for task_id in hooks.notes.tasks() if hooks.notes is not None else ():
            # A run that was killed has left it there.
            await submission.remove(task_id)
        engine = BridgeEngine(submission, request, hooks)
        try:
            yield engine
        finally:
            engine.close()


def _describe(request: ClassifyRequest, threshold: float | None = None) -> dict[str, object]:
    """What is true of the whole run, whoever classifies."""
    return {
        "repository": REPOSITORY,
        "version": __version__,
        "language": request.language,
        "top": request.top,
        "min_probability": request.least(threshold),
        # As in runs of releases that did not know them.
        "categories": request.categories or None,
        "synonyms": request.synonyms or None,
        "provenance": request.provenance,
    }
