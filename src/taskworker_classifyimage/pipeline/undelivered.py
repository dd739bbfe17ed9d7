"""Results that could not be delivered yet, on disk: neither an outage nor a kill loses them.

One file for each result, written atomically. A task's id comes from outside, so its hash is the
file's name. There are about as many files as tasks in flight, and at most a given number: beyond
that, or without a place on disk, a result waits in its slot.
"""

import asyncio
import contextlib
import hashlib
import json
import logging
from collections.abc import Iterable
from pathlib import Path

from taskworker_classifyimage.atomic_file import write_atomically

_log = logging.getLogger(__name__)


class UndeliveredResults:
    """The undelivered results of one worker for one bridge; nobody else writes to the folder."""

    def __init__(self, folder: Path | None, limit: int = 1000) -> None:
        """Takes the folder, None if there is no place to write; reads and creates nothing yet."""
        self._folder = folder
        self._limit = limit

    async def keep(self, task_id: str, result: dict[str, object]) -> bool:
        """Writes a result to disk; returns whether it is there now, safe from a crash."""
        if self._folder is None or await asyncio.to_thread(_count, self._folder) >= self._limit:
            return False
        content = json.dumps({"task": task_id, "result": result}).encode()
        try:
            await asyncio.to_thread(_write, self._folder / _name(task_id), content)
        except OSError as err:
            _log.warning("a result cannot be kept in %s: %s", self._folder, err.strerror or err)
            return False
        return True

    async def find(self, task_id: str) -> dict[str, object] | None:
        """The undelivered result of a task, if there is one."""
        if self._folder is None:
            return None
        return await asyncio.to_thread(_read, self._folder / _name(task_id), task_id)

    async def drop(self, task_id: str) -> None:
        """Deletes a result, if it is there."""
        if self._folder is not None:
            await asyncio.to_thread(_delete, [self._folder / _name(task_id)])

    async def drop_all_but(self, task_ids: Iterable[str]) -> int:
        """Deletes all results except those of some tasks; returns how many were deleted."""
        if self._folder is None:
            return 0
        wanted = {_name(task_id) for task_id in task_ids}
        return await asyncio.to_thread(_delete_others, self._folder, wanted)


def _name(task_id: str) -> str:
    return hashlib.sha256(task_id.encode("utf-8", "surrogatepass")).hexdigest() + ".json"


def _count(folder: Path) -> int:
    try:
        return len(list(folder.iterdir()))
    except OSError:
        return 0


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content)


def _read(path: Path, task_id: str) -> dict[str, object] | None:
    try:
        kept = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as err:
        _log.warning("an undelivered result cannot be read; its task is done again: %s", err)
        return None
    if not isinstance(kept, dict) or kept.get("task") != task_id:
        return None
    result = kept.get("result")
    return result if isinstance(result, dict) else None


def _delete(paths: Iterable[Path]) -> None:
    for path in paths:
        # A file that cannot be deleted now is found again at the next start.
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _delete_others(folder: Path, wanted: set[str]) -> int:
    try:
        others = [path for path in folder.iterdir() if path.name not in wanted]
    except OSError:
        # The folder does not exist yet, or cannot be read.
        return 0
    _delete(others)
    return len(others)
