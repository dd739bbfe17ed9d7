"""Actors fit into the nodes that there are."""

import pytest

from taskworker_classifyimage.classify.device import CPU, Device
from taskworker_classifyimage.cluster.pool_size import PoolSize, size_pool
from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.settings.areas import Cluster

AUTO = Device("auto")
RAY = Cluster(engine="ray")


def test_actors_take_up_to_four_cpus_of_nodes_without_gpus() -> None:
    """A head without CPUs counts for nothing."""
    nodes = [{"CPU": 8.0}, {"CPU": 6.0}, {"CPU": 0.0, "memory": 1e9}, {"memory": 1e9}]
    assert size_pool(nodes, RAY, AUTO) == PoolSize(4, 0.0, 3, 3)


def test_the_smallest_node_has_room_for_an_actor() -> None:
    assert size_pool([{"CPU": 8.0}, {"CPU": 2.0}], RAY, CPU) == PoolSize(2, 0.0, 5, 5)


def test_each_gpu_gets_an_actor_with_its_share_of_the_cpus() -> None:
    """Nodes without GPUs are left alone: their results could differ in the last digits."""
    nodes = [{"CPU": 16.0, "GPU": 2.0}, {"CPU": 64.0}]
    assert size_pool(nodes, RAY, AUTO) == PoolSize(8, 1.0, 2, 2)


def test_actors_share_a_gpu() -> None:
    wanted = Cluster(engine="ray", actor_gpus=0.25)
    assert size_pool([{"CPU": 16.0, "GPU": 1.0}], wanted, AUTO) == PoolSize(4, 0.25, 4, 4)


def test_a_model_on_the_cpu_needs_no_gpu() -> None:
    assert size_pool([{"CPU": 4.0, "GPU": 1.0}], RAY, CPU) == PoolSize(4, 0.0, 1, 1)


def test_more_actors_than_have_room_may_be_wanted_of_a_cluster_that_grows() -> None:
    wanted = Cluster(engine="ray", actor_cpus=8, min_actors=1, max_actors=50)
    assert size_pool([{"CPU": 4.0}], wanted, CPU) == PoolSize(8, 0.0, 1, 50)


def test_an_actor_that_no_node_has_room_for_is_refused() -> None:
    with pytest.raises(ConfigError, match="no node of the cluster has 8 CPUs for an actor"):
        size_pool([{"CPU": 4.0}], Cluster(engine="ray", actor_cpus=8), CPU)
    with pytest.raises(ConfigError, match="--min-actors 3 is more than the 2 actors"):
        size_pool([{"CPU": 8.0}], Cluster(engine="ray", min_actors=3), CPU)
