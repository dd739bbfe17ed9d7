"""The answer to a take of several tasks: their JSON, and with it the small ones of their files.

    length of the JSON, a newline | JSON, an array of tasks | the files, in the order of the tasks

A task whose file follows has its size as `file`. Files that are large, or more than the worker
wants, are left to calls of their own.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from aiohttp import web

from taskworker_classifyimage.bridge_server.connections import Connection
from taskworker_classifyimage.bridge_server.records import TakenTask
from taskworker_classifyimage.bridge_server.uploads import Uploads

SEVERAL_TYPE: Final = "application/vnd.taskbridge.tasks"
#: More is not sent with tasks, whatever the worker wants.
_MOST_BYTES: Final = 4 * 2**20
#: How long files are read before others are served.
_STRETCH_S: Final = 0.005


async def answer_several(
    tasks: Sequence[TakenTask], uploads: Uploads, files_bytes: int, connection: Connection
) -> web.Response:
    """Makes the answer.

    Args:
        tasks: that the worker has now.
        uploads: their files.
        files_bytes: how much of them the worker wants.
        connection: the worker's; without room for a large answer the files are left out.
    """
    body = _join(tasks, await _read_files(tasks, uploads, min(files_bytes, _MOST_BYTES)))
    if not connection.may_send(len(body)):
        # A refusal would cost the worker its tasks until their leases end.
        body = _join(tasks, {})
    return web.Response(body=body, headers={"Content-Type": SEVERAL_TYPE})


def _join(tasks: Sequence[TakenTask], files: Mapping[str, bytes]) -> bytes:
    listed = [
        msgspec.structs.replace(task, file=len(files[task.id])) if task.id in files else task
        for task in tasks
    ]
    head = msgspec.json.encode(listed)
    return b"".join((b"%d\n" % len(head), head, *files.values()))


async def _read_files(
    tasks: Sequence[TakenTask], uploads: Uploads, most_bytes: int
) -> dict[str, bytes]:
    """The files by task, in the order of the tasks."""
    files: dict[str, bytes] = {}
    begun_s = time.perf_counter()
    for task in tasks:
        content = uploads.read_small(task.id, most_bytes)
        if content is not None:
            files[task.id] = content
            most_bytes -= len(content)
        if time.perf_counter() - begun_s > _STRETCH_S:
            await asyncio.sleep(0)
            begun_s = time.perf_counter()
    return files
