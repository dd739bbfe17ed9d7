"""Classifying whole folders, on all cores and in order."""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from taskworker_classifyimage.local.files import LocalFiles
from taskworker_classifyimage.machine import usable_cores
from taskworker_classifyimage.tasks import ClassifyRequest


def walk(paths: Iterable[Path]) -> Iterator[Path]:
    """The files as given, and the files in folders in the order of their names.

    Unreadable files and folders are included, so that they are reported instead of skipped.
    """
    for path in paths:
        if path.is_dir():
            yield from sorted(_files_in(path))
        else:
            yield path


def _files_in(folder: Path) -> Iterator[Path]:
    unreadable: list[OSError] = []
    for root, _, names in os.walk(folder, onerror=unreadable.append):
        yield from (path for name in names if _may_be_file(path := Path(root, name)))
    yield from (Path(err.filename) for err in unreadable)


def _may_be_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return True


def classify_all(
    files: LocalFiles, paths: Iterable[Path], request: ClassifyRequest
) -> Iterator[tuple[Path, dict[str, object]]]:
    """Yields the results in the order of the paths; they are computed on all cores."""
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
