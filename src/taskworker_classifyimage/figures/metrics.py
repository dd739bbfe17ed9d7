"""A worker's figures as metrics of Prometheus."""

from collections.abc import Callable, Iterator

from prometheus_client.metrics_core import Metric

from taskworker_classifyimage import __version__
from taskworker_classifyimage.figures.families import make_counter, make_gauge, make_histogram
from taskworker_classifyimage.figures.view import Snapshot


class WorkerMetrics:
    """All metrics of a worker, read when they are asked for."""

    def __init__(self, look: Callable[[], Snapshot]) -> None:
        self._look = look

    def collect(self) -> Iterator[Metric]:
        """The metrics of this moment."""
        now = self._look()
        yield from _describe_tasks(now)
        yield from _describe_decoders(now)
        yield from _describe_worker(now)


def _describe_tasks(now: Snapshot) -> Iterator[Metric]:
    yield make_counter(
        "tasks", "Tasks that have ended, by outcome and error code.", now.tasks, "outcome", "code"
    )
    yield make_histogram(
        "step_seconds",
        "Seconds of each step of the tasks that have ended.",
        {(step,): histogram for step, histogram in now.steps.items()},
        "step",
    )
    yield make_gauge(
        "tasks_in_flight",
        "Tasks in flight, by the step that they are in.",
        {(step,): count for step, count in now.in_flight.items()},
        "step",
    )
    yield make_gauge("slots", "Tasks that may be in flight now.", {(): now.slots})
    yield make_counter(
        "fetched_bytes", "Size of the files that were fetched.", {(): now.fetched_bytes}
    )
    text = "Pictures that were answered without an inference, having been seen before."
    yield make_counter("cache_hits", text, {(): now.cache_hits})
    text = "Pictures that were decoded, having not been seen before."
    yield make_counter("cache_misses", text, {(): now.cache_misses})


def _describe_decoders(now: Snapshot) -> Iterator[Metric]:
    yield make_gauge("decoders", "Decoder processes.", {(): now.decoders})
    yield make_counter(
        "decoder_deaths",
        "Decoder processes that ended unexpectedly, by cause.",
        {(cause,): count for cause, count in now.decoder_ends.items()},
        "cause",
    )
    yield make_gauge(
        "resident_memory_bytes",
        "Resident memory; of the decoders together, what they share counted for each.",
        {("worker",): now.worker_bytes, ("decoders",): now.decoder_bytes},
        "process",
    )


def _describe_worker(now: Snapshot) -> Iterator[Metric]:
    text = "Whether the bridge has answered the last call: 1 or 0."
    yield make_gauge("reaches_bridge", text, {(): now.reaches_bridge})
    yield make_gauge(
        "last_answer_age_seconds",
        "Seconds since the bridge last answered; missing until then.",
        {} if now.silence_s is None else {(): now.silence_s},
    )
    models = [(__version__, each.library, each.model, each.device) for each in now.models]
    yield make_gauge(
        "build_info",
        "What runs here; always 1.",
        dict.fromkeys(models, 1),
        *("version", "library", "model", "device"),
    )
