"""The dashboard shows what there is, on any Grafana."""

import json
import re
from collections.abc import Iterator
from typing import Any

from support.programs import ROOT

DASHBOARD = ROOT / "deploy" / "grafana-dashboard.json"
#: They have tables of the metrics, which are tested against what is served.
DOCUMENT = "".join(
    (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("operations.md", "bridge.md")
)
TABLE_ROWS = re.findall(r"^\| `(\w+)` \| (counter|gauge|histogram) \|(.+)", DOCUMENT, re.MULTILINE)
#: What each sample of Prometheus has besides.
COMMON_LABELS = {"instance", "job", "le"}


def dashboard() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return loaded


def panels() -> list[dict[str, Any]]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[str]:
    for panel in panels():
        for target in panel["targets"]:
            yield target["expr"]


def sample_names() -> set[str]:
    ends = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
    return {name + end for name, kind, _ in TABLE_ROWS for end in ends[kind]}


def test_every_expression_is_about_metrics_that_exist() -> None:
    for expression in expressions():
        used = set(re.findall(r"taskworker_classifyimage_(\w+)", expression))
        assert used, expression
        assert used <= sample_names(), expression


def test_every_expression_uses_labels_that_exist() -> None:
    """A wrong one gives an empty panel, and no error."""
    known = COMMON_LABELS | {
        label for _, _, text in TABLE_ROWS for label in re.findall(r"`(\w+)`", text)
    }
    for expression in expressions():
        grouped = re.findall(r"(?:by|on) \(([^)]*)\)", expression)
        labels = {label.strip() for group in grouped for label in group.split(",")}
        labels |= set(re.findall(r"[{,](\w+)=", expression))
        assert labels <= known, expression


def test_every_metric_is_shown() -> None:
    shown = "\n".join(expressions())
    assert [
        name for name, _, _ in TABLE_ROWS if f"taskworker_classifyimage_{name}" not in shown
    ] == []


def test_it_can_be_imported_with_any_data_source() -> None:
    """No id of somebody's Grafana is left in it: there is a variable to choose from."""
    loaded = dashboard()
    variables = {each["name"]: each for each in loaded["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    sources = {json.dumps(each, sort_keys=True) for each in find(loaded, "datasource")}
    assert sources == {'{"type": "prometheus", "uid": "${datasource}"}'}
    assert "id" not in loaded
    ids = [panel["id"] for panel in loaded["panels"]]
    assert len(ids) == len(set(ids))


def test_no_two_panels_lie_on_each_other() -> None:
    taken = set()
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert x < 24
                assert (x, y) not in taken, panel["title"]
                taken.add((x, y))


def find(node: object, key: str) -> Iterator[object]:
    """Values of a key, at any depth."""
    if isinstance(node, dict):
        if key in node:
            yield node[key]
        for each in node.values():
            yield from find(each, key)
    elif isinstance(node, list):
        for each in node:
            yield from find(each, key)
