"""A bridge's figures as metrics of Prometheus; imported only when somebody asks for them."""

from collections.abc import Iterator, Mapping

from prometheus_client.metrics_core import Metric

from taskworker_classifyimage import __version__
from taskworker_classifyimage.bridge_server.figures import BridgeState, Figures
from taskworker_classifyimage.figures.families import make_counter, make_gauge, make_histogram


class BridgeMetrics:
    """All metrics of a bridge."""

    def __init__(self, figures: Figures, now: BridgeState) -> None:
        self._figures = figures
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """The metrics."""
        yield from _describe_state(self._now)
        yield from _describe_calls(self._figures)


def _describe_state(now: BridgeState) -> Iterator[Metric]:
    counts = now.counts
    tasks = {
        ("open",): counts.open,
        ("inprogress",): counts.inprogress,
        ("completed",): counts.completed - counts.failed,
        ("failed",): counts.failed,
    }
    yield make_gauge("bridge_tasks", "Tasks by status, no task in two of them.", tasks, "status")
    age_s = 0.0 if now.oldest_open_ms is None else (now.now_ms - now.oldest_open_ms) / 1000
    yield make_gauge(
        "bridge_oldest_open_task_age_seconds",
        "Since the first open task of the queue was added; 0 if none is open.",
        {(): max(age_s, 0.0)},
    )
    statuses = {(status,): now.workers.get(status, 0) for status in ("idle", "working")}
    text = "Workers that were heard in the last half hour, by status."
    yield make_gauge("bridge_workers", text, statuses, "status")
    text = "Connections, by whether they work or wait."
    yield make_gauge("bridge_connections", text, _label(now.connections), "state")
    text = "Calls that wait: takes, questions for a status, and streams of events."
    yield make_gauge("bridge_waiting_calls", text, _label(now.waits), "kind")
    text = "Free space on the disk of tasks and files."
    yield make_gauge("bridge_disk_free_bytes", text, {(): now.free_bytes})
    text = "What runs here; always 1."
    yield make_gauge("bridge_build_info", text, {(__version__,): 1}, "version")


def _describe_calls(figures: Figures) -> Iterator[Metric]:
    yield make_counter(
        "bridge_completions",
        "Tasks that were completed, by type and outcome.",
        figures.completions,
        *("type", "outcome"),
    )
    text = "Calls that were answered, by path and status."
    yield make_counter("bridge_calls", text, figures.calls, "path", "status")
    text = "Seconds of calls by path, waiting included; streams of events are left out."
    yield make_histogram("bridge_call_seconds", text, figures.call_seconds, "path")
    text = "Size of the bodies of all calls."
    yield make_counter("bridge_received_bytes", text, {(): figures.received_bytes})
    text = "Size of all answers."
    yield make_counter("bridge_sent_bytes", text, {(): figures.sent_bytes})


def _label(numbers: Mapping[str, int]) -> dict[tuple[str], int]:
    return {(name,): number for name, number in numbers.items()}
