"""The engine on a Ray cluster: joins what `cluster` has."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final

from taskworker_classifyimage import __version__
from taskworker_classifyimage.cluster.folder_run import FolderRun
from taskworker_classifyimage.cluster.models import LoadedModel, ModelJob
from taskworker_classifyimage.cluster.partition import PartitionJob
from taskworker_classifyimage.cluster.pool_size import PoolSize, size_pool
from taskworker_classifyimage.cluster.session import import_ray, join_cluster, load_on_node
from taskworker_classifyimage.cluster.sources import ClusterSources
from taskworker_classifyimage.cluster.task_models import ClusterModels
from taskworker_classifyimage.commands.engine import FolderTask
from taskworker_classifyimage.commands.parts import model_options
from taskworker_classifyimage.commands.progress import Talk, describe_end, show_in_thread
from taskworker_classifyimage.errors import ConfigError, ExitCode
from taskworker_classifyimage.local.description import describe_run
from taskworker_classifyimage.local.filters import Filters
from taskworker_classifyimage.local.progress import Progress
from taskworker_classifyimage.local.walk import Walk
from taskworker_classifyimage.settings.areas import Cluster, Decoding, Models, WorkSettings
from taskworker_classifyimage.words import counted

#: Pictures of a partition: some seconds of an actor, and a file of Parquet of a useful size.
_PARTITION: Final = 1000
#: Flags of `classify` that say how a file on this machine is written, or need all rows here.
_LOCAL_ONLY: Final = (
    "format",
    "update",
    "lean",
    "excel",
    "sha256",
    "failed",
    "sidecar",
)


class RayEngine:
    """Classifies on the machines of a cluster."""

    def __init__(self, cluster: Cluster) -> None:
        """Starts nothing."""
        self._cluster = cluster

    @contextmanager
    def open_models(self, settings: WorkSettings) -> Iterator[ClusterModels]:
        """See `Engine`."""
        with self._join(settings.models, settings.decoding) as joined:
            yield ClusterModels(joined.ray, joined.size, joined.job, joined.loaded)

    def classify(self, task: FolderTask) -> int:
        """See `Engine`."""
        destination = _check(task)
        outputs, settings = task.outputs, task.settings
        is_quiet = settings.general.quiet
        import_ray(self._cluster.ray_address)
        filters = Filters(task.files.include, task.files.exclude, task.files.all)
        progress = Progress(filters)
        talk = Talk(progress, is_quiet=is_quiet)
        run = FolderRun(destination, progress)
        walk = Walk(filters, task.files.sort, talk.tell_unreadable, run.written_paths)
        sources = ClusterSources(task.paths, walk, task.files.files_from)
        sources.check()
        with run.opened(resumes=outputs.resume, overwrites=outputs.overwrite) as there:
            if there:
                talk.tell(f"{there:,} files are there already")
            with self._join(settings.models, settings.decoding) as joined:
                [loaded], request = joined.loaded, task.answers.request()
                task.answers.check_filter(loaded.model.threshold)
                facts = describe_run(loaded, settings.models.preprocessing, request)
                named = {"folder": joined.job.folder, "paths": list(task.paths)}
                run.begin({**facts, **named}, resumes=outputs.resume)
                size = joined.size
                talk.tell(f"{counted(size.most, 'actor')} of {counted(size.cpus, 'CPU')}")
                start_s = time.monotonic()
                with show_in_thread(progress, is_quiet=is_quiet):
                    most = outputs.partition_size or _PARTITION
                    run.list_files(sources, most, resumes=outputs.resume)
                    remembers = not outputs.no_dedup
                    job = PartitionJob(
                        joined.job, loaded, request, run.address, run.facts, remembers
                    )
                    run.classify(joined.ray, size, job)
        talk.tell(describe_end(progress, time.monotonic() - start_s))
        if run.is_stopped:
            talk.tell(f"stopped; {destination} keeps what is done: go on with --resume")
            return ExitCode.FORCED
        is_failed = run.counts.failed or (outputs.strict and run.counts.no_picture)
        return ExitCode.FAILED if is_failed or progress.unreadable else ExitCode.DONE

    @contextmanager
    def _join(self, models: Models, decoding: Decoding) -> "Iterator[_Joined]":
        """Joins the cluster for the time of the block, and has a node load the models."""
        address = self._cluster.ray_address
        ray = import_ray(address)
        with join_cluster(ray, address):
            nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
            size = size_pool(nodes, self._cluster, models.device)
            job = ModelJob(
                version=__version__,
                folder=str(Path.cwd()),
                models=models.model,
                device=models.device,
                options=model_options(models.files, models.preprocessing),
                cpus=size.cpus,
                has_gpu=size.gpus > 0,
                decoder_processes=decoding.decoder_processes,
                decode_timeout=decoding.decode_timeout,
                state=decoding.state_folder(),
            )
            yield _Joined(ray, size, job, load_on_node(ray, size, job))


@dataclass(frozen=True, slots=True)
class _Joined:
    """A cluster, and what a node has said about the models."""

    ray: ModuleType
    size: PoolSize
    job: ModelJob
    loaded: Sequence[LoadedModel]


def _check(task: FolderTask) -> str:
    """The folder that is written into.

    Raises:
        ConfigError: flags do not go together.
    """
    outputs, files = task.outputs, task.files
    if len(outputs.output) != 1:
        raise ConfigError("--engine ray needs one --output, a folder for files of Parquet")
    unfit = [name for name in _LOCAL_ONLY if getattr(outputs, name)]
    unfit += [name for name in ("vics", "archives") if getattr(files, name)]
    unfit += ["category"] if task.answers.category else []
    unfit += ["rows"] if outputs.rows != "pictures" else []
    if unfit:
        raise ConfigError(f"--{unfit[0]} does not go with --engine ray, which writes Parquet alone")
    if outputs.resume and outputs.overwrite:
        raise ConfigError("--resume keeps what --overwrite deletes: choose one of them")
    return outputs.output[0]
