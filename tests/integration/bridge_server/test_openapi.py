"""The OpenAPI document: it lists every call, and the server answers as it describes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, CheckFunction, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

import taskworker_classifyimage
from support.in_process import BridgeOnFolder, serving
from taskworker_classifyimage.bridge_server.connections import Connections
from taskworker_classifyimage.bridge_server.events import EventStreams
from taskworker_classifyimage.bridge_server.expiry import LeaseTimes
from taskworker_classifyimage.bridge_server.limits import Limits
from taskworker_classifyimage.bridge_server.overview_routes import OverviewRoutes
from taskworker_classifyimage.bridge_server.routes import TaskRoutes
from taskworker_classifyimage.bridge_server.store import TaskStore
from taskworker_classifyimage.bridge_server.uploads import Uploads
from taskworker_classifyimage.bridge_server.waiting import Waiting
from taskworker_classifyimage.bridge_server.workers import WorkerRoster

PATH = Path(taskworker_classifyimage.__file__).parent / "data" / "pages" / "openapi.json"
OPERATIONS = {
    found.ok().label: found.ok()
    for found in schemathesis.openapi.from_path(PATH).get_all_operations()
    if isinstance(found, Ok)
}
#: It has no end; its own tests read it.
EVENTS = "GET /api/events/"
del OPERATIONS[EVENTS]
ALWAYS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
TAKING_INPUT = [label for label in OPERATIONS if "{id}" in label or label.startswith("POST")]


def examples(label: str) -> settings:
    """Few for calls without a body: all that they check is a task's id."""
    return settings(
        max_examples=12 if label.startswith("POST") else 4,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BridgeOnFolder]:
    """One bridge for the module: a call may find the tasks of other tests."""
    with serving(tmp_path_factory.mktemp("bridge")) as served:
        yield served


def call(bridge: BridgeOnFolder, case: Case[Any], check: CheckFunction) -> None:
    """Sends a call and checks the response."""
    if case.media_type == "multipart/form-data" and isinstance(case.body, dict):
        # The fields of a form have such names, which OpenAPI cannot express.
        case.body = {name: value for name, value in case.body.items() if name.isidentifier()}
    _shorten_wait(case.query)
    _shorten_wait(case.body)
    case.call_and_validate(base_url=bridge.url, checks=[*ALWAYS, check])


def _shorten_wait(given: object) -> None:
    if isinstance(given, dict) and isinstance(wait := given.get("wait"), int | float):
        given["wait"] = min(wait, 0.01)


def a_task(bridge: BridgeOnFolder) -> str:
    """Adds a task with a file, and takes the oldest open one with a lease."""
    task_id = bridge.add(b"picture")
    bridge.post("tasks/take/", {"type": "t", "worker": "w", "lease": True})
    return task_id


def test_the_document_names_every_call_and_no_other(tmp_path: Path) -> None:
    limits = Limits()
    store, uploads = TaskStore(tmp_path / "tasks.sqlite3"), Uploads(tmp_path)
    roster, connections = WorkerRoster(), Connections()
    leases, waiting = LeaseTimes(limits.lease_s), Waiting(connections)
    tasks = TaskRoutes(store, uploads, leases, roster, waiting, limits)
    streams = EventStreams(store, roster)
    overviews = OverviewRoutes(store.overviews, roster, streams, connections)
    routes = [*tasks.table(), *overviews.table()]
    served = {f"{route.method} {route.path.rstrip('/')}/" for route in routes}
    assert {*OPERATIONS, EVENTS} == served


def test_the_document_is_served_as_it_is(bridge: BridgeOnFolder) -> None:
    served: dict[str, Any] = bridge.call("GET", "/openapi.json").json()
    assert served["info"].pop("version") == taskworker_classifyimage.__version__
    stored = json.loads(PATH.read_text(encoding="utf-8"))
    del stored["info"]["version"]
    assert served == stored


@pytest.mark.parametrize("label", OPERATIONS)
def test_what_the_document_allows_is_answered_as_it_says(
    bridge: BridgeOnFolder, label: str
) -> None:
    @examples(label)
    @given(case=OPERATIONS[label].as_strategy(), is_there=st.booleans())
    def check(case: Case[Any], is_there: bool) -> None:
        if is_there and "id" in case.path_parameters:
            case.path_parameters["id"] = a_task(bridge)
        call(bridge, case, checks.positive_data_acceptance)

    check()


@pytest.mark.parametrize("label", TAKING_INPUT)
def test_what_the_document_forbids_is_refused_as_it_says(
    bridge: BridgeOnFolder, label: str
) -> None:
    @examples(label)
    @given(case=OPERATIONS[label].as_strategy(GenerationMode.NEGATIVE))
    def check(case: Case[Any]) -> None:
        call(bridge, case, checks.negative_data_rejection)

    check()
