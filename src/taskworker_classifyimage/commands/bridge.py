"""`bridge`: serves the embedded TaskBridge alone, for workers that run elsewhere."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from taskworker_classifyimage.bridge_client.address import BridgeAddress
from taskworker_classifyimage.bridge_client.credentials import Credentials
from taskworker_classifyimage.bridge_server.access import (
    WITH_TOKEN,
    check_token,
    read_token,
    settle_access,
)
from taskworker_classifyimage.bridge_server.database import BridgeDataUnusable
from taskworker_classifyimage.bridge_server.limits import Limits
from taskworker_classifyimage.bridge_server.listening import PortHeld, PortInUse
from taskworker_classifyimage.bridge_server.server import BridgeServer
from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.machine import allow_many_files
from taskworker_classifyimage.settings.areas import TOKEN_VARIABLE, EmbeddedBridge, General
from taskworker_classifyimage.stopping import stop_on_signals, unless
from taskworker_classifyimage.worker.systemd import Systemd


def run(settings: EmbeddedBridge = EmbeddedBridge(), general: General = General()) -> None:
    """Serves until a signal stops it."""
    general.set_up_logging("info")
    asyncio.run(_serve(settings))


@asynccontextmanager
async def embedded_bridge(
    settings: EmbeddedBridge, stop: asyncio.Event
) -> AsyncIterator[BridgeAddress | None]:
    """Runs the embedded bridge; gives its address for this machine, its token included.

    The address is None if `stop` was set while the bridge waited for its port.

    Raises:
        ConfigError: the port is taken, the data folder cannot be used, or other machines could
            call the bridge and no setting allows it.
    """
    host, port = settings.bridge_host, settings.bridge_port
    token = _token(settings)
    allow_remote = WITH_TOKEN if settings.allow_remote is True else settings.allow_remote or None
    access = settle_access(
        host, allow_remote, token, settings.bridge_origins, settings.bridge_proxies
    )
    # 0 days: completed tasks are kept permanently.
    keep_s = settings.bridge_keep_days * 86_400.0 or None
    limits = Limits(lease_s=settings.bridge_lease, keep_s=keep_s)
    server = BridgeServer(host, port, settings.folder(), limits=limits, access=access)
    allow_many_files()
    try:
        await unless(stop, server.start())
    except PortInUse as err:
        shown_host = f"[{err.host}]" if ":" in err.host else err.host
        raise ConfigError(
            f"port {port} on {err.host} is taken; '{_who_has(port)}' shows by whom. Stop that one, "
            f"choose another port with --bridge-port, or if it is a TaskBridge, work for it with "
            f"--taskbridgeurl http://{shown_host}:{port}/"
        ) from None
    except PortHeld as err:
        raise PortHeld(
            f"{err}; '{_who_has(port)}' shows it. Start again later, or choose another port with "
            "--bridge-port"
        ) from None
    except BridgeDataUnusable as err:
        raise ConfigError(f"{err}; choose another folder with --bridge-data") from None
    except OSError as err:
        if isinstance(err, PermissionError):
            raise ConfigError(
                f"this user may not serve on port {port}; take one from 1024 up with "
                "--bridge-port, or a reverse proxy for lower ones (docs/bridge.md)"
            ) from None
        raise ConfigError(f"cannot serve on {host}, port {port}: {_reason(err)}") from None
    try:
        if stop.is_set():
            yield None
        else:
            yield BridgeAddress(server.url, Credentials.bearer(token) if token else None)
    finally:
        await server.stop()


async def _serve(settings: EmbeddedBridge) -> None:
    with stop_on_signals() as stop:
        async with embedded_bridge(settings, stop) as address:
            if address is not None:
                print(f"The bridge and its page: {address.url}/\nStop with Ctrl-C.", flush=True)
                # Until `stop` is set.
                await Systemd(os.environ).keep_notifying(lambda: f"serving {address.url}/", stop)


def _token(settings: EmbeddedBridge) -> str | None:
    if isinstance(settings.token, Path):
        return read_token(settings.token)
    return settings.token and check_token(settings.token, TOKEN_VARIABLE)


def _who_has(port: int) -> str:
    """A command of this system that shows which program has a port."""
    if sys.platform == "win32":
        return f"netstat -ano | findstr :{port}"
    if sys.platform == "darwin":
        return f"lsof -i :{port}"
    return f"ss -tanp sport = :{port}"


def _reason(err: OSError) -> str:
    # asyncio puts its own text around the system's, with the address once more.
    return os.strerror(err.errno) if err.errno and err.errno > 0 else str(err)
