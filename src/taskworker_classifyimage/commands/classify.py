"""`classify`: classifies files and folders of this machine, without a bridge."""

from typing import Annotated

from cyclopts import Parameter

from taskworker_classifyimage.commands.folder_job import FolderJob
from taskworker_classifyimage.commands.parts import decoder_pool, load_first
from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.machine import return_freed_memory
from taskworker_classifyimage.settings.areas import Answers, Files, LocalSettings, Outputs


def run(
    *path: Annotated[str, Parameter(help="a file, folder or pattern; -: a picture on input")],
    files: Files = Files(),
    answers: Answers = Answers(),
    outputs: Outputs = Outputs(),
    settings: LocalSettings = LocalSettings(),
) -> int:
    """Prints one JSON object for each file, or writes it to the outputs."""
    settings.general.set_up_logging()
    return_freed_memory()
    if not path and files.files_from is None:
        raise ConfigError("name a file or folder, or a list of files with --files-from")
    if len(settings.models.model) > 1:
        raise ConfigError("--model: 'classify' takes one model")
    job = FolderJob(path, files, outputs, is_quiet=settings.general.quiet)
    job.check()
    if outputs.sidecar_remove:
        return job.remove_sidecar_keywords()
    with decoder_pool(settings.decoding) as decoders:
        classifier = load_first(settings.models)
        return job.run(classifier, decoders, answers, settings.models.preprocessing)
