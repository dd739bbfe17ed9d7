"""`classify --engine ray` on so many nodes of this machine, whose actors sleep for each picture.

    python sleeping_cluster.py NODES PICTURES_EACH COST_S PARTITION_SIZE DESTINATION

All else is the real thing: the plan, Ray Data, processes of actors, Parquet. Prints JSON.
"""

import asyncio
import importlib
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

os.environ |= {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "disabled",
    # The actors import this file.
    "PYTHONPATH": str(Path(__file__).parent),
    "RAY_raylet_start_wait_time_s": "200",
    "RAY_agent_register_timeout_ms": "200000",
    "RAY_health_check_failure_threshold": "50",
}

from taskworker_classifyimage.classify.device import Device
from taskworker_classifyimage.classify.options import ModelOptions
from taskworker_classifyimage.cluster import folder_run
from taskworker_classifyimage.cluster.files import Folder
from taskworker_classifyimage.cluster.folder_run import FolderRun
from taskworker_classifyimage.cluster.models import ModelJob
from taskworker_classifyimage.cluster.partition import PartitionClassifier, PartitionJob
from taskworker_classifyimage.cluster.plan import Plan
from taskworker_classifyimage.cluster.pool_size import PoolSize
from taskworker_classifyimage.cluster.session import import_ray, join_cluster
from taskworker_classifyimage.local.filters import Filters
from taskworker_classifyimage.local.found import Found
from taskworker_classifyimage.local.progress import Progress
from taskworker_classifyimage.local.rows import Row
from taskworker_classifyimage.tasks import ClassifyRequest

_STORE_BYTES = 80 * 2**20
_COST_S = float(sys.argv[3]) if len(sys.argv) > 3 else 0.0


class SleepingEngine:
    """Takes a fixed time for each picture, one after another."""

    def __init__(self, cost_s: float) -> None:
        self.most, self.together, self.limit_bytes = 1, 1, 2**20
        self._cost_s = cost_s

    async def read(self, found: Sequence[Found]) -> Callable[[], Awaitable[list[Row]]]:
        """Reads nothing."""

        async def classify() -> list[Row]:
            await asyncio.sleep(self._cost_s * len(found))
            return [Row(each.path, {"predictions": []}, each.size_bytes) for each in found]

        return classify


class SleepingClassifier(PartitionClassifier):
    """An actor that sleeps."""

    def _make_engine(self) -> Any:
        cost_s = self._job.facts["cost_s"]
        assert isinstance(cost_s, float)
        return SleepingEngine(cost_s)

    def __call__(self, row: Any) -> dict[str, object]:
        """Notes when it did what."""
        begin_s = time.time()
        told = super().__call__(row)
        Path(self._job.facts["log"], f"{told['number']}.json").write_text(
            json.dumps([os.getpid(), begin_s, time.time()]), encoding="utf-8"
        )
        return told


def main(nodes: int, each: int, cost_s: float, size: int, destination: Path) -> None:
    """Runs once."""
    ray = import_ray("local")
    cluster_utils = importlib.import_module("ray.cluster_utils")
    more = {"num_cpus": 1, "object_store_memory": _STORE_BYTES}
    head = {**more, "include_dashboard": False}
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args=head)
    for _ in range(nodes - 1):
        cluster.add_node(**more)
    log = destination / "log"
    log.mkdir(parents=True)
    folder = destination / "rows"
    found = (Found(f"{number}.jpg", 100_000, 0) for number in range(nodes * each))
    list(Plan(Folder(str(folder))).write(found, size, 0))
    run = FolderRun(str(folder), Progress(Filters()))
    run.facts = {"cost_s": cost_s, "log": str(log)}
    folder_run.PartitionClassifier = SleepingClassifier  # type: ignore[misc]
    job = ModelJob("", "", ("",), Device("cpu"), ModelOptions(), 1, False, None, 30, None)
    partitions = PartitionJob(
        job,
        None,
        ClassifyRequest(),
        str(folder),
        run.facts,
        remembers=False,  # type: ignore[arg-type]
    )
    with join_cluster(ray, cluster.address):
        begin_s = time.process_time()
        run.classify(ray, PoolSize(1, 0.0, nodes, nodes), partitions)
        driver_s = time.process_time() - begin_s
    cluster.shutdown()
    done = [json.loads(each.read_text(encoding="utf-8")) for each in log.iterdir()]
    # From when all actors are at work to the very end.
    first_s = max(min(begin for pid, begin, _ in done if pid == actor) for actor, _, _ in done)
    last_s = max(end for _, _, end in done)
    worked = sum(max(0.0, end - max(begin, first_s)) / (end - begin) for _, begin, end in done)
    told = {
        "nodes": nodes,
        "actors": len({pid for pid, _, _ in done}),
        "pictures": run.counts.total(),
        "per_second": worked * size / (last_s - first_s),
        "driver_cpu_ms_a_partition": 1000 * driver_s / len(done),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), _COST_S, int(sys.argv[4]), Path(sys.argv[5]))
