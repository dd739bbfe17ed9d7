"""What the bridge does unasked: reopens what no worker renews, removes what is long finished."""

import asyncio
import logging
import sqlite3
from typing import Final

from taskworker_classifyimage.bridge_server.leases import Leases
from taskworker_classifyimage.bridge_server.store import TaskStore
from taskworker_classifyimage.bridge_server.uploads import Uploads

_log = logging.getLogger(__name__)

_REOPEN_INTERVAL_S: Final = 0.25
_REMOVE_INTERVAL_S: Final = 3600.0
#: Removed at once; between two such lots the bridge answers calls.
_LOT_TASKS: Final = 100


async def reopen_run_out(store: TaskStore, leases: Leases) -> None:
    """End leases when their time is over, for ever."""
    while True:
        reopened = 0
        try:
            for task_id, attempt in leases.run_out():
                status = store.run_out(task_id, attempt)
                leases.end(task_id)
                reopened += status == "open"
                if status == "completed":
                    _log.warning("bridge.given_up task=%s attempts=%d", task_id, attempt)
            if reopened:
                # One line for all: a worker that dies may have held many.
                _log.warning("bridge.leases_run_out reopened=%d", reopened)
        except sqlite3.Error as error:
            _log.error("bridge.lease_not_ended error=%s", error)
        await asyncio.sleep(_REOPEN_INTERVAL_S)


async def remove_finished(store: TaskStore, uploads: Uploads, age_s: float) -> None:
    """Remove tasks and their files once they have been completed for so long, for ever."""
    while True:
        try:
            count = 0
            while lot := store.remove_finished(age_s, _LOT_TASKS):
                for task_id, has_file in lot:
                    if has_file:
                        uploads.remove(task_id)
                count += len(lot)
                await asyncio.sleep(0)
            if count:
                _log.info("bridge.finished_removed tasks=%d", count)
        except sqlite3.Error as error:
            _log.error("bridge.finished_kept error=%s", error)
        await asyncio.sleep(_REMOVE_INTERVAL_S)
