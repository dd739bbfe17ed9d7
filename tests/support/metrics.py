"""Metrics as Prometheus reads them, and what its own checker (promtool) asks of them."""

import math
import re
import urllib.error
import urllib.request
from collections.abc import Iterable

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from support.waiting import LONG_S

#: Base units; a name with another unit would be shown with the wrong one.
_UNITS = ("seconds", "bytes")
_OTHER_UNITS = re.compile(
    r"_(milliseconds|ms|minutes|hours|days|kilobytes|megabytes|mb|kb|percent)(_|$)"
)
_NAME = re.compile(r"taskworker_classifyimage_[a-z]+(_[a-z]+)*")
_LABEL = re.compile(r"[a-z]+(_[a-z]+)*")
_SAMPLE_ENDS = {
    "counter": {"_total"},
    "gauge": {""},
    "histogram": {"_bucket", "_count", "_sum"},
}


class Scrape:
    """What was read at one time.

    Attributes:
        text: as it came.
        families: metrics by name, as they are queried: those of counters end in "_total".
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.families: dict[str, Metric] = {}
        for family in text_string_to_metric_families(text):
            name = family.name + "_total" * (family.type == "counter")
            assert name not in self.families, f"{name} is there twice"
            self.families[name] = family

    @property
    def sample_names(self) -> set[str]:
        """All that can be queried."""
        return {sample.name for family in self.families.values() for sample in family.samples}

    def value(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels."""
        prefixed = f"taskworker_classifyimage_{name}"
        samples = [
            sample.value
            for family in self.families.values()
            for sample in family.samples
            if sample.name == prefixed and labels.items() <= sample.labels.items()
        ]
        assert samples, f"there is no {prefixed} with {labels}"
        return math.fsum(samples)


def ask(url: str, path: str, token: str | None = None) -> tuple[int, str]:
    """Status and body."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    try:
        request = urllib.request.Request(url + path, headers=headers)
        with urllib.request.urlopen(request, timeout=LONG_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as err:
        with err:
            return err.code, err.read().decode()


def scrape(url: str, token: str | None = None) -> Scrape:
    status, text = ask(url, "/metrics", token)
    assert status == 200, text
    return Scrape(text)


def find_faults(scraped: Scrape) -> list[str]:
    """What `promtool check metrics` would complain about, and a few things more."""
    faults = []
    for name, family in scraped.families.items():
        rest = name.removesuffix("_total").removesuffix("_info")
        checks = {
            "it has no help": family.documentation,
            "its help is no sentence": family.documentation.endswith("."),
            "it has no type": family.type in _SAMPLE_ENDS,
            "its name is odd": _NAME.fullmatch(name),
            "its name has an abbreviated or derived unit": not _OTHER_UNITS.search(name),
            "its name does not end in its unit": rest.endswith(_UNITS)
            or not any(unit in rest for unit in _UNITS),
            "its name has its type": not re.search("counter|gauge|histogram", name),
            "only a counter may end in _total": (family.type == "counter")
            == name.endswith("_total"),
            "its name ends like a sample of a histogram": not re.search(
                "_(count|sum|bucket)$", rest
            ),
            "a histogram has a unit": family.type != "histogram" or rest.endswith(_UNITS),
            "its samples have odd names": _ends_of(family) <= _SAMPLE_ENDS[family.type],
            "its samples have different labels": _has_one_set_of_labels(family),
            "its labels are odd": all(map(_LABEL.fullmatch, _labels_of(family))),
            "a sample is there twice": _has_no_twins(family),
            "a counter is negative": family.type != "counter"
            or all(sample.value >= 0 for sample in family.samples),
            "its buckets are no buckets": family.type != "histogram" or _has_buckets(family),
        }
        faults += [f"{name}: {fault}" for fault, is_fine in checks.items() if not is_fine]
    return faults


def _ends_of(family: Metric) -> set[str]:
    return {sample.name.removeprefix(family.name) for sample in family.samples}


def _labels_of(family: Metric) -> Iterable[str]:
    return {label for sample in family.samples for label in sample.labels}


def _has_one_set_of_labels(family: Metric) -> bool:
    return len({frozenset(sample.labels.keys() - {"le"}) for sample in family.samples}) <= 1


def _has_no_twins(family: Metric) -> bool:
    keys = [(sample.name, frozenset(sample.labels.items())) for sample in family.samples]
    return len(keys) == len(set(keys))


def _has_buckets(family: Metric) -> bool:
    """Whether they grow, and end with the number of all."""
    series: dict[frozenset[tuple[str, str]], list[tuple[float, float]]] = {}
    counts: dict[frozenset[tuple[str, str]], float] = {}
    for sample in family.samples:
        labels = frozenset((k, v) for k, v in sample.labels.items() if k != "le")
        if sample.name.endswith("_bucket"):
            series.setdefault(labels, []).append((float(sample.labels["le"]), sample.value))
        elif sample.name.endswith("_count"):
            counts[labels] = sample.value
    return series.keys() == counts.keys() and all(
        buckets == sorted(buckets)
        and [count for _, count in buckets] == sorted(count for _, count in buckets)
        and buckets[-1] == (math.inf, counts[labels])
        for labels, buckets in series.items()
    )
