"""Reopen tasks that are stuck with a dead worker; --dry-run only lists them."""

import argparse
import asyncio
import math

from taskworker_classifyimage.bridge_client.address import BridgeAddress
from taskworker_classifyimage.bridge_client.client import BridgeClient
from taskworker_classifyimage.commands.flags import (
    add_access_flags,
    add_config_flag,
    settings_of,
)
from taskworker_classifyimage.errors import BridgeRejected, BridgeUnavailable, ConfigError
from taskworker_classifyimage.settings import seconds_of
from taskworker_classifyimage.tasks import TASK_TYPE
from taskworker_classifyimage.worker.rescue import Begun, begun_tasks


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares this command's flags."""
    parser.add_argument("--taskbridgeurl", metavar="URL", help="the bridge whose tasks are stuck")
    parser.add_argument(
        "--older-than",
        metavar="TIME",
        required=True,
        help="for how long a task has to be in progress, such as 10m",
    )
    parser.add_argument("--worker", metavar="NAME", help="only tasks that this worker took")
    parser.add_argument("--dry-run", action="store_true", help="list them and reopen none")
    add_access_flags(parser)
    add_config_flag(parser)


def run(parsed: argparse.Namespace) -> int:
    """Prints one line a task; returns 1 if the bridge did not do as asked."""
    address = settings_of(parsed).taskbridgeurl
    if address is None:
        raise ConfigError("name the bridge with --taskbridgeurl")
    try:
        older_than_s = seconds_of(parsed.older_than)
    except ValueError as err:
        raise ConfigError(f"older-than {err}; it is {parsed.older_than!r}") from None
    try:
        return asyncio.run(_rescue(address, older_than_s, parsed.worker, parsed.dry_run))
    except (BridgeUnavailable, BridgeRejected) as err:
        print(f"{address.url}: {err}")
        return 1


async def _rescue(
    address: BridgeAddress, older_than_s: float, worker: str | None, is_dry_run: bool
) -> int:
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
    return 0


async def _reopen(client: BridgeClient, task: Begun) -> bool:
    try:
        return await client.reopen(task.id, task.worker)
    except BridgeRejected:
        # It was removed in the meantime.
        return False


def _line(task: Begun) -> str:
    # Ids and names come from outside: what a terminal would obey is shown as text.
    if math.isinf(task.silent_s):
        heard = "of whom the bridge does not know"
    else:
        heard = f"silent for {_shown(task.silent_s)}"
    return f"{task.id!a}, for {_shown(task.age_s)} with {task.worker!a}, {heard}"


def _shown(seconds: float) -> str:
    minutes, rest_s = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest_s} s"
