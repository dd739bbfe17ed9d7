"""Models on a cluster that answer tasks; see `commands.engine.Models`."""

from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from types import ModuleType

from taskworker_classifyimage.cluster.models import LoadedModel, ModelJob
from taskworker_classifyimage.cluster.pool_size import PoolSize
from taskworker_classifyimage.cluster.task_actor import TaskActor
from taskworker_classifyimage.cluster.task_pool import TaskPool
from taskworker_classifyimage.decode import DecodeLimits
from taskworker_classifyimage.machine import picture_memory_bytes
from taskworker_classifyimage.pipeline.engine import hash_beside
from taskworker_classifyimage.pipeline.file_room import FileRoom
from taskworker_classifyimage.pipeline.memory_budget import MemoryBudget, Waits
from taskworker_classifyimage.pipeline.result import Answer, ResultMaker
from taskworker_classifyimage.pipeline.timing import Timing


class ClusterModels:
    """Models on all nodes.

    Attributes:
        loaded: what they are.
        threads: how many tasks at once keep all actors busy.
    """

    def __init__(
        self, ray: ModuleType, size: PoolSize, job: ModelJob, loaded: Sequence[LoadedModel]
    ) -> None:
        """Starts nothing."""
        each = 1 + (max(model.threads for model in loaded) if job.has_gpu else job.cpus)
        self.loaded = loaded
        self.threads = size.most * each
        self._job = job
        make_class = ray.remote(
            num_cpus=size.cpus, num_gpus=size.gpus, max_restarts=0, max_concurrency=4 * each
        )
        make_actor = partial(make_class(TaskActor).remote, job, list(loaded))
        self._make_pool = partial(TaskPool, ray, make_actor, size, 2 * each)
        self._pool: TaskPool | None = None

    @property
    def decoders(self) -> "ClusterModels":
        """What can be told of the decoders."""
        return self

    @property
    def processes(self) -> int:
        """Decoder processes of all actors that are up."""
        return self._job.decoders * self._pool.count if self._pool is not None else 0

    @property
    def pids(self) -> list[int]:
        """None of them is to be asked on this machine."""
        return []

    @property
    def ends(self) -> dict[str, int]:
        """How many actors have died."""
        return {"died": self._pool.deaths if self._pool is not None else 0}

    @property
    def fault(self) -> str | None:
        """Why no actor answers."""
        return self._pool.fault if self._pool is not None else None

    async def start(self) -> Sequence["ClusterEngine"]:
        """Starts the actors; raises `ClusterFailed` if none comes up."""
        self._pool = self._make_pool()
        await self._pool.start()
        budget = MemoryBudget(picture_memory_bytes(0))
        return [
            ClusterEngine(number, each, self._pool, budget)
            for number, each in enumerate(self.loaded)
        ]

    def improve(self, has_begun: Callable[[], bool]) -> Iterator[Coroutine[None, None, None]]:  # noqa: ARG002 - as in `Models`
        """Nothing: actors come and go."""
        return iter(())

    def close(self) -> None:
        """Ends what still computes."""
        if self._pool is not None:
            self._pool.close()


class ClusterEngine:
    """One model on all nodes; see `TaskEngine`.

    Equal pictures are answered once by each actor, not here: whoever decoded one may be replaced.
    """

    def __init__(
        self, number: int, loaded: LoadedModel, pool: TaskPool, budget: MemoryBudget
    ) -> None:
        """Takes the model with this number; the budget is for files on their way."""
        self.engine = ResultMaker(loaded)
        self.limit_bytes = min(DecodeLimits().file_bytes, budget.largest_file_bytes)
        self.cache_hits = self.cache_misses = 0
        self._number = number
        self._pool = pool
        self._budget = budget

    def file_room(self, pause: Waits, waits: Waits) -> FileRoom:
        """Memory for one file on its way."""
        return FileRoom(self._budget, pause, waits)

    async def hash(self, encoded: bytes) -> str:
        """SHA-256 in hexadecimal."""
        return await hash_beside(encoded, None)

    async def answer(
        self,
        encoded: bytes,
        sha256: str,
        timing: Timing,
        waits: Waits = nullcontext,  # noqa: ARG002 - memory is given out by the actor
        *,
        is_alone: bool = False,
    ) -> Answer:
        """See `TaskEngine`."""
        told = await self._pool.answer(self._number, encoded, sha256, is_alone=is_alone)
        timing.begin_after("wait", step="wait")
        timing.attribute("wait", "decode", told.decode_s)
        timing.attribute("wait", "infer", told.infer_s)
        self.cache_misses += 1
        if told.answer is None:
            raise told.problem or RuntimeError("an actor says nothing")
        return told.answer
