"""How many actors a cluster has room for, and what each of them takes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from taskworker_classifyimage.classify.device import Device
from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.settings.areas import Cluster

#: One process with more threads waits for itself; a second one loads the model again.
_CPUS: Final = 4


@dataclass(frozen=True, slots=True)
class PoolSize:
    """Equal actors.

    Attributes:
        cpus, gpus: that each of them takes; a GPU may be shared.
        least, most: of them, at any time.
    """

    cpus: int
    gpus: float
    least: int
    most: int


def size_pool(nodes: Iterable[Mapping[str, float]], wanted: Cluster, device: Device) -> PoolSize:
    """Fits actors into the nodes of a cluster.

    Args:
        nodes: the resources of each node that is alive, as Ray tells them.
        wanted: what the user has fixed.
        device: that models run on.

    Raises:
        ConfigError: no node has room for an actor.
    """
    machines = [(int(each.get("CPU", 0)), each.get("GPU", 0.0)) for each in nodes]
    machines = [each for each in machines if each[0] > 0]
    gpus = wanted.actor_gpus
    if gpus is None:
        gpus = 1.0 if device.kind in ("auto", "cuda") and any(gpu for _, gpu in machines) else 0.0
    if gpus:
        machines = [each for each in machines if each[1] >= gpus]
    cpus = wanted.actor_cpus or _choose_cpus(machines, gpus)
    fitting = sum(_count(cpu, gpu, cpus, gpus) for cpu, gpu in machines)
    if not fitting and wanted.max_actors is None:
        what = f"{cpus} CPUs" + (f" and {gpus:g} GPUs" if gpus else "")
        raise ConfigError(f"--engine ray: no node of the cluster has {what} for an actor")
    most = wanted.max_actors or fitting
    least = wanted.min_actors or min(max(fitting, 1), most)
    if least > most:
        raise ConfigError(f"--min-actors {least} is more than the {most} actors there may be")
    return PoolSize(cpus, gpus, least, most)


def _choose_cpus(machines: list[tuple[int, float]], gpus: float) -> int:
    if not machines:
        return 1
    if gpus:
        return max(1, min(int(cpu // (gpu / gpus)) for cpu, gpu in machines))
    return min(_CPUS, *(cpu for cpu, _ in machines))


def _count(cpu: int, gpu: float, cpus: int, gpus: float) -> int:
    on_cpu = cpu // cpus
    return min(on_cpu, int(gpu / gpus)) if gpus else on_cpu
