"""What shows a worker to people and programs, if the settings ask for it.

Each brings libraries that a worker without it need not load.
"""

from collections.abc import Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, nullcontext

from taskworker_classifyimage.figures.view import WorkerView
from taskworker_classifyimage.settings.areas import Monitoring


def metrics_port(settings: Monitoring, view: WorkerView) -> AbstractAsyncContextManager[object]:
    """Serves metrics during a block, if a port for them is named."""
    if settings.metrics_port is None:
        return nullcontext()
    from taskworker_classifyimage.figures.port import serve_metrics  # noqa: PLC0415 - see above

    return serve_metrics(view, settings.metrics_host, settings.metrics_port)


def monitors(
    settings: Monitoring, view: WorkerView, worker: str
) -> Iterator[Coroutine[None, None, None]]:
    """What is to run beside a worker of this name."""
    if settings.top:
        from taskworker_classifyimage.commands.top import show_top  # noqa: PLC0415 - see above

        yield show_top(view, worker)
