"""Whole folders through `LocalFiles`, on all cores and in order."""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from taskworker_classifyimage.machine import usable_cores
from taskworker_classifyimage.pipeline.local import LocalFiles
from taskworker_classifyimage.tasks import ClassifyRequest


def walk(paths: Iterable[Path]) -> Iterator[Path]:
    """Files as named, folders' files in the order of their names.

    What the system does not let us look into or at is among them: it is told as a file that cannot
    be read, not passed over.
    """
    for path in paths:
        if path.is_dir():
            yield from sorted(_inside(path))
        else:
            yield path


def _inside(folder: Path) -> Iterator[Path]:
    closed: list[OSError] = []
    for root, _, names in os.walk(folder, onerror=closed.append):
        yield from (path for name in names if _may_be_file(path := Path(root, name)))
    yield from (Path(err.filename) for err in closed)


def _may_be_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return True


def classify_all(
    files: LocalFiles, paths: Iterable[Path], request: ClassifyRequest
) -> Iterator[tuple[Path, dict[str, object]]]:
    """Results in the order of the paths, computed on all cores."""
    cores = usable_cores()
    waiting: deque[tuple[Path, Future[dict[str, object]]]] = deque()
    with ThreadPoolExecutor(cores) as compute:
        for path in paths:
            waiting.append((path, compute.submit(files.classify, path, request)))
            if len(waiting) > 4 * cores:
                done, future = waiting.popleft()
                yield done, future.result()
        for done, future in waiting:
            yield done, future.result()
