"""`classify`: classifies files and folders: here, on a cluster, or through a bridge."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from taskworker_classifyimage.commands.engine import FolderTask, choose_engine
from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.local.description import describe_request
from taskworker_classifyimage.machine import return_freed_memory
from taskworker_classifyimage.settings.areas import Calling, ClassifySettings, UrlFlag
from taskworker_classifyimage.settings.classify_areas import Answers, Files, Outputs
from taskworker_classifyimage.tasks import TASK_TYPE, ClassifyRequest

if TYPE_CHECKING:
    from taskworker_classifyimage.bridge_client.address import BridgeAddress
    from taskworker_classifyimage.local.run import Engine, Hooks


def run(
    *path: Annotated[str, Parameter(help="a file, folder or pattern; -: a picture on input")],
    taskbridgeurl: UrlFlag = None,
    files: Files = Files(),
    answers: Answers = Answers(),
    outputs: Outputs = Outputs(),
    calling: Calling = Calling(),
    settings: ClassifySettings = ClassifySettings(),
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
    task = FolderTask(path, files, answers, outputs, settings)
    if taskbridgeurl is None and not outputs.sidecar_remove:
        return choose_engine(settings.cluster).classify(task)
    if settings.cluster.engine == "ray":
        other = "taskbridgeurl" if taskbridgeurl is not None else "sidecar-remove"
        raise ConfigError(f"--engine ray and --{other}: choose one of them")
    return _run_without_model(task, taskbridgeurl, calling)


def _run_without_model(
    task: FolderTask, taskbridgeurl: "BridgeAddress | None", calling: Calling
) -> int:
    from taskworker_classifyimage.commands.folder_job import make_job  # noqa: PLC0415 - not for all

    job = make_job(task)
    if taskbridgeurl is None:
        return job.remove_sidecar_keywords()
    address, request = calling.secure(taskbridgeurl), task.answers.request()
    facts = {"bridge": address.url, **describe_request(request)}
    return job.run(facts, partial(_use_bridge, address, request))


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
