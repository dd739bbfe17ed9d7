"""Metrics of Prometheus from plain numbers; every name is made here.

This imports prometheus_client, and with it servers that nobody needs: only for those who ask for
metrics.
"""

from collections.abc import Mapping
from itertools import accumulate
from typing import Final, TypeVar

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from taskworker_classifyimage.figures.histogram import BOUNDS_S, Histogram

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
_PREFIX: Final = "taskworker_classifyimage_"
_BOUNDS: Final = [*map(str, BOUNDS_S), "+Inf"]

#: Values of the labels; `()` without labels.
Labels = TypeVar("Labels", bound=tuple[str, ...])


def make_counter(name: str, text: str, samples: Mapping[Labels, float], *labels: str) -> Metric:
    """A counter; its name ends in "_total"."""
    family = CounterMetricFamily(_PREFIX + name, text, labels=labels)
    for values, count in samples.items():
        family.add_metric(values, count)
    return family


def make_gauge(name: str, text: str, samples: Mapping[Labels, float], *labels: str) -> Metric:
    """A gauge."""
    family = GaugeMetricFamily(_PREFIX + name, text, labels=labels)
    for values, number in samples.items():
        family.add_metric(values, number)
    return family


def make_histogram(
    name: str, text: str, samples: Mapping[Labels, Histogram], *labels: str
) -> Metric:
    """A histogram; its name ends in the unit."""
    family = HistogramMetricFamily(_PREFIX + name, text, labels=labels)
    for values, histogram in samples.items():
        buckets = list(zip(_BOUNDS, accumulate(histogram.counts), strict=True))
        family.add_metric(values, buckets, histogram.total_s)
    return family


def expose(collector: Collector) -> bytes:
    """The text that Prometheus reads."""
    return generate_latest(collector)
