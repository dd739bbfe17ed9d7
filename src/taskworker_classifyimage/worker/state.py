"""The worker's state on disk: a lock on its name, and undelivered results.

There is one folder for each bridge and worker's name. Without a place to write, as in a read-only
container, the worker works too, but it cannot notice a second process of its name on this machine,
and undelivered results are kept in memory only.
"""

import contextlib
import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from taskworker_classifyimage.errors import ConfigError

_log = logging.getLogger(__name__)


@contextmanager
def lock_state_folder(state: Path | None, url: str, worker: str) -> Iterator[Path | None]:
    """Locks this worker's folder for the time of the block; None without a place to write.

    Args:
        state: parent of all workers' folders; None if there is none.
        url: the bridge's URL.
        worker: the worker's name.

    Raises:
        ConfigError: a worker of this name works for this bridge on this machine already.
    """
    if state is None:
        _warn("there is no home folder")
        yield None
        return
    # A URL or a name may contain what file names must not.
    folder = state / hashlib.sha256(f"{url}\0{worker}".encode()).hexdigest()[:32]
    lock = FileLock(folder / "lock", timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock.acquire()
    except Timeout:
        raise ConfigError(
            f"a worker with the name {worker!r} works for {url} on this machine already; stop it, "
            "or give this one a name of its own with --worker"
        ) from None
    except (OSError, NotImplementedError) as err:
        _warn(f"{folder}: {getattr(err, 'strerror', None) or err}")
        yield None
        return
    try:
        # Explains the folder to people.
        with contextlib.suppress(OSError):
            (folder / "about.txt").write_text(
                f"worker {worker!r} for {url}, process {os.getpid()}\n", encoding="utf-8"
            )
        yield folder
    finally:
        lock.release()


def _warn(reason: str) -> None:
    _log.warning(
        "undelivered results are kept in memory only (%s); name a folder with --state",
        reason,
    )
