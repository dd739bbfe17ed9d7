"""The port for Prometheus and for health checks: /metrics, /healthz and /readyz."""

import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.figures.families import CONTENT_TYPE, expose
from taskworker_classifyimage.figures.metrics import WorkerMetrics
from taskworker_classifyimage.figures.view import WorkerView

_log = logging.getLogger(__name__)


@asynccontextmanager
async def serve_metrics(view: WorkerView, host: str, port: int) -> AsyncIterator[str]:
    """Answers on the event loop of the worker until the block ends; gives the URL.

    Raises:
        ConfigError: the port is taken, or this machine has no such address.
    """
    runner = web.AppRunner(_make_app(view), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as err:
            # asyncio puts its own text around the system's.
            reason = os.strerror(err.errno) if err.errno and err.errno > 0 else str(err)
            raise ConfigError(
                f"no metrics on {host}, port {port}: {reason}; choose others with --metrics-host "
                "and --metrics-port"
            ) from None
        shown_host = f"[{host}]" if ":" in host else host
        url = f"http://{shown_host}:{runner.addresses[0][1]}"
        _log.info("metrics at %s/metrics", url)
        yield url
    finally:
        await runner.cleanup()


def _make_app(view: WorkerView) -> web.Application:
    metrics = WorkerMetrics(view.look)

    async def show_metrics(_request: web.Request) -> web.Response:
        return web.Response(body=expose(metrics), headers={"Content-Type": CONTENT_TYPE})

    async def show_health(_request: web.Request) -> web.Response:
        return _answer(view.why_unhealthy)

    async def show_readiness(_request: web.Request) -> web.Response:
        return _answer(view.why_unready)

    app = web.Application()
    app.router.add_get("/metrics", show_metrics)
    app.router.add_get("/healthz", show_health)
    app.router.add_get("/readyz", show_readiness)
    return app


def _answer(find_fault: Callable[[], str | None]) -> web.Response:
    fault = find_fault()
    return web.Response(text=f"{fault or 'ok'}\n", status=503 if fault else 200)
