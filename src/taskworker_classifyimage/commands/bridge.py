"""Run the embedded TaskBridge alone, for workers that run elsewhere."""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from taskworker_classifyimage.bridge_client.address import BridgeAddress
from taskworker_classifyimage.bridge_client.credentials import Credentials
from taskworker_classifyimage.bridge_server.access import check_token, read_token, settle_access
from taskworker_classifyimage.bridge_server.database import BridgeDataUnusable
from taskworker_classifyimage.bridge_server.limits import Limits
from taskworker_classifyimage.bridge_server.server import BridgeServer, PortInUse
from taskworker_classifyimage.commands.flags import (
    add_bridge_flags,
    add_config_flag,
    settings_of,
)
from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.logs import set_up_logging
from taskworker_classifyimage.machine import allow_many_files
from taskworker_classifyimage.settings import Settings
from taskworker_classifyimage.stopping import stop_on_signals


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares this command's flags."""
    add_config_flag(parser)
    add_bridge_flags(parser)


def run(parsed: argparse.Namespace) -> int:
    """Serves until a signal ends it."""
    settings = settings_of(parsed)
    set_up_logging(settings.log_level)
    asyncio.run(_serve(settings))
    return 0


@asynccontextmanager
async def embedded_bridge(settings: Settings) -> AsyncIterator[BridgeAddress]:
    """Runs the embedded bridge; gives its address for this machine, its token included.

    Raises:
        ConfigError: the port is taken, the data folder cannot be used, or other machines could
            call the bridge and nobody has said that they may.
    """
    host, port = settings.bridge_host, settings.bridge_port
    token = _token(settings)
    access = settle_access(host, settings.allow_remote, token, settings.bridge_origins)
    server = BridgeServer(
        host, port, settings.bridge_folder(), limits=_limits(settings), access=access
    )
    allow_many_files()
    try:
        await server.start()
    except PortInUse:
        raise ConfigError(
            f"port {port} on {host} is taken; '{_who_has(port)}' shows by whom. Stop that one, "
            f"choose another port with --bridge-port, or if it is a TaskBridge, work for it with "
            f"--taskbridgeurl http://{host}:{port}/"
        ) from None
    except BridgeDataUnusable as err:
        raise ConfigError(f"{err}; choose another folder with --bridge-data") from None
    except OSError as err:
        reason = err.strerror or err
        raise ConfigError(f"cannot serve on {host}, port {port}: {reason}") from None
    try:
        yield BridgeAddress(server.url, Credentials.bearer(token) if token else None)
    finally:
        await server.stop()


async def _serve(settings: Settings) -> None:
    with stop_on_signals() as stop:
        async with embedded_bridge(settings) as address:
            print(f"The bridge and its page: {address.url}/\nStop with Ctrl-C.", flush=True)
            await stop.wait()


def _token(settings: Settings) -> str | None:
    if settings.bridge_token_file is not None:
        return read_token(settings.bridge_token_file)
    if settings.bridgetoken is not None:
        return check_token(settings.bridgetoken, "bridgetoken")
    return None


def _limits(settings: Settings) -> Limits:
    keep_s = settings.bridge_keep_days * 86_400.0
    return Limits(lease_s=settings.bridge_lease, keep_s=keep_s or None)


def _who_has(port: int) -> str:
    """A command of this system that shows which program listens on a port."""
    if sys.platform == "win32":
        return f"netstat -ano | findstr :{port}"
    if sys.platform == "darwin":
        return f"lsof -i :{port}"
    return f"ss -ltnp sport = :{port}"
