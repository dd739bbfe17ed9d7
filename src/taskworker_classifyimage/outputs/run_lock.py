"""Keeps a second run away from what a run writes."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from taskworker_classifyimage.errors import ConfigError


@contextmanager
def run_lock(file: Path, output: Path) -> Iterator[None]:
    """Holds the lock of an output for the time of the block; the file is gone at its end.

    Raises:
        ConfigError: another run of this machine holds it.
        OSError: the file cannot be written.
    """
    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ConfigError(f"--output {output}: another run is writing it") from None
    try:
        yield
    finally:
        lock.release()
        with suppress(OSError):
            file.unlink()
