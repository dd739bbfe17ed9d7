"""A Ray cluster of several nodes on this machine; `python -m support.ray_cluster NODES` is one."""

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from support.programs import ROOT, clean_environment

#: What everybody needs who has to do with it: loopback alone, no token, no reports.
ENVIRONMENT = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    # A node may take long to start on a busy machine, and is known to be gone soon.
    "RAY_raylet_start_wait_time_s": "200",
    "RAY_agent_register_timeout_ms": "200000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_failure_threshold": "6",
    # Ray has its own warnings.
    "PYTHONWARNINGS": "default",
}
_STORE_BYTES = 100 * 2**20


class RayCluster:
    """A cluster in a process of its own.

    Attributes:
        address: for `--ray-address`.
    """

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        self._process = process
        self.address = process.stdout.readline().strip()

    def kill_node(self) -> None:
        """Kills all processes of the node that came last, and waits until they are gone."""
        self._ask("kill")

    def add_node(self) -> None:
        """Starts another node."""
        self._ask("add")

    def _ask(self, what: str) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == f"{what}\n"


@contextmanager
def running_cluster(nodes: int, environ: Mapping[str, str]) -> Iterator[RayCluster]:
    """So many nodes of one CPU each, which know these variables."""
    environ = clean_environment(**ENVIRONMENT, **environ, PYTHONPATH=str(ROOT / "tests"))
    with subprocess.Popen(
        [sys.executable, "-m", "support.ray_cluster", str(nodes)],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        try:
            yield RayCluster(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(100)


def need(*modules: str) -> None:
    """Skips without these modules, or fails where CI must have them."""
    for name in modules:
        if importlib.util.find_spec(name) is None:
            assert os.environ.get("CI") != "true", f"{name} has to be installed"
            pytest.skip(f"{name} is not installed")


def _serve(nodes: int) -> None:
    cluster_utils: Any = importlib.import_module("ray.cluster_utils")
    more = {"num_cpus": 1, "object_store_memory": _STORE_BYTES}
    # Nobody scales the cluster, and nobody sees its log.
    head = {**more, "include_dashboard": False, "no_monitor": True, "include_log_monitor": False}
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args=head)
    others = [cluster.add_node(**more) for _ in range(nodes - 1)]
    print(cluster.address, flush=True)
    for asked in sys.stdin:
        if asked == "add\n":
            others.append(cluster.add_node(**more))
        else:
            cluster.remove_node(others.pop(), allow_graceful=False)
        print(asked, end="", flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
