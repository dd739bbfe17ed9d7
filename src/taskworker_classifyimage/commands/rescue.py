"""`rescue`: reopens tasks that are stuck with a dead worker."""

import asyncio
import math
from typing import Annotated

from taskworker_classifyimage.bridge_client.address import BridgeAddress
from taskworker_classifyimage.bridge_client.client import BridgeClient
from taskworker_classifyimage.errors import BridgeRejected, BridgeUnavailable, ConfigError, ExitCode
from taskworker_classifyimage.settings.areas import Access, General
from taskworker_classifyimage.settings.declare import Switch, read_time, setting
from taskworker_classifyimage.tasks import TASK_TYPE
from taskworker_classifyimage.worker.rescue import Begun, begun_tasks


def run(
    *,
    older_than: Annotated[float, setting("TIME", read_time)],
    worker: Annotated[str | None, setting("NAME")] = None,
    dry_run: Switch = False,
    access: Access = Access(),
    general: General = General(),
) -> int:
    """Prints one line for each task; returns 1 if the bridge cannot be reached or refuses.

    Args:
        older_than: shortest time that a task has been in progress, such as 10m
        worker: only tasks that this worker took
        dry_run: list the tasks and reopen none
    """
    general.set_up_logging()
    address = access.address()
    if address is None:
        raise ConfigError("name the bridge with --taskbridgeurl")
    try:
        asyncio.run(_rescue(address, older_than, worker, dry_run))
    except (BridgeUnavailable, BridgeRejected) as err:
        print(f"{address.url}: {err}")
        return ExitCode.FAILED
    return ExitCode.DONE


async def _rescue(
    address: BridgeAddress, older_than_s: float, worker: str | None, is_dry_run: bool
) -> None:
    stuck = reopened = 0
    async with BridgeClient(address) as client:
        workers = await client.workers()
        for task in begun_tasks(await client.tasks(), workers, TASK_TYPE, client.now_s):
            if task.age_s < older_than_s or worker not in (None, task.worker):
                continue
            stuck += 1
            is_reopened = not is_dry_run and await _reopen(client, task)
            reopened += is_reopened
            print(f"{'reopened ' if is_reopened else ''}{_line(task)}")
    print(f"{stuck} stuck, {reopened} reopened.")


async def _reopen(client: BridgeClient, task: Begun) -> bool:
    try:
        return await client.reopen(task.id, task.worker)
    except BridgeRejected:
        # It was removed in the meantime.
        return False


def _line(task: Begun) -> str:
    # Ids and names come from outside: `!a` escapes control sequences for the terminal.
    if math.isinf(task.silent_s):
        silence = "unknown to the bridge"
    else:
        silence = f"silent for {_duration(task.silent_s)}"
    return f"{task.id!a}, for {_duration(task.age_s)} with {task.worker!a}, {silence}"


def _duration(seconds: float) -> str:
    minutes, rest_s = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest_s} s"
