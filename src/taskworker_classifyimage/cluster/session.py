"""Starts a Ray cluster on this machine, or joins one; Ray tells nobody about it."""

import importlib
import logging
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final

from taskworker_classifyimage.cluster.models import LoadedModel, ModelJob, describe_models
from taskworker_classifyimage.cluster.pool_size import PoolSize
from taskworker_classifyimage.errors import ClusterFailed, ConfigError, extra, one_line
from taskworker_classifyimage.machine import usable_cores
from taskworker_classifyimage.standard_streams import silent_stderr

#: Only numbers and small rows are in it, and pictures on their way from a bridge to an actor.
_STORE_BYTES: Final = 200 * 2**20
#: On a busy machine, Ray's processes take longer to start than Ray waits for them.
_PATIENCE: Final = {
    "RAY_raylet_start_wait_time_s": "120",
    "RAY_agent_register_timeout_ms": "120000",
}
#: Paths of sockets have at most 104 bytes; macOS' own folder for temporary files takes half of it.
_SHORT_FOLDER: Final = "/tmp" if os.name == "posix" else None  # noqa: S108 - `mkdtemp` makes it private


def import_ray(address: str | None) -> ModuleType:
    """The module `ray`, with all switched off that it tells others.

    Args:
        address: of the cluster that will be joined; None: one of this machine alone.

    Raises:
        ConfigError: Ray is not installed, or its installation is broken.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # What still runs when a cluster is left must not start another one.
    os.environ["RAY_ENABLE_AUTO_CONNECT"] = "0"
    # What Ray prints itself says nothing to a user; errors come as exceptions.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    if address is None:
        for name, patience in _PATIENCE.items():
            os.environ.setdefault(name, patience)
        # Makes it a cluster of one machine, whose ports are on loopback.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        # Other users of this machine could run code in it otherwise. Ray would keep a token in the
        # user's home.
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    try:
        ray = importlib.import_module("ray")
        importlib.import_module("ray.data")
    except ImportError as err:
        raise ConfigError(
            f"--engine ray needs Ray ({one_line(err)}); install the extra: {extra('ray')}"
        ) from None
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    sys.modules["ray.data"].DataContext.get_current().enable_progress_bars = False
    return ray


@contextmanager
def join_cluster(ray: ModuleType, address: str | None) -> Iterator[None]:
    """Is connected for the time of the block.

    Args:
        ray: see `import_ray`.
        address: of a running cluster, HOST:PORT, or "auto" on one of its nodes; None: a cluster of
            this machine alone, which ends with the block and listens on loopback only.

    Raises:
        ClusterFailed: the cluster does not start or cannot be reached.
    """
    more: dict[str, Any] = {"address": address}
    folder = None
    if address is None:
        folder = tempfile.mkdtemp(prefix="ray-", dir=_SHORT_FOLDER)
        more = {
            "address": "local",
            "include_dashboard": False,
            "num_cpus": usable_cores(),
            "object_store_memory": _STORE_BYTES,
            # Ray lets everybody into its own folder; nobody gets through the one around it.
            "_temp_dir": f"{folder}/r",
        }
    try:
        try:
            # Ray's library says things there at its start, whatever its level.
            with silent_stderr():
                ray.init(log_to_driver=False, configure_logging=False, **more)
        except Exception as err:  # noqa: BLE001 - Ray raises anything
            where = "a local Ray cluster does not start" if address is None else f"Ray at {address}"
            raise ClusterFailed(f"{where}: {one_line(err)[:300]}") from None
        yield
    finally:
        ray.shutdown()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def load_on_node(ray: ModuleType, size: PoolSize, job: ModelJob) -> list[LoadedModel]:
    """Has a node load the models as its actors will, and say what they are.

    Raises:
        UserError: they cannot be loaded there.
    """
    describe = ray.remote(num_cpus=size.cpus, num_gpus=size.gpus)(describe_models)
    loaded: list[LoadedModel] = ray.get(describe.remote(job))
    return loaded
