"""The server that the contract is tested on: the embedded bridge, or any other by its URL.

Without TASKBRIDGE_CONTRACT_URL the suite starts one embedded bridge on a free port. With it the
suite calls that server instead, and changes no tasks there but its own.

The suite covers the embedded bridge and the releases 1.3.0, 2.2.1 and 3.1.0. Where these differ,
each test says how each release responds; `only_embedded` marks what no other server promises.
"""

import os
import uuid
from collections.abc import Iterator

import pytest

from support.contract import EMBEDDED, V1, V2, V3, Bridge
from support.in_process import serving

URL_VARIABLE = "TASKBRIDGE_CONTRACT_URL"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    """The server of this run."""
    foreign_url = os.environ.get(URL_VARIABLE, "").rstrip("/")
    if foreign_url:
        yield Bridge(foreign_url, _release_of(foreign_url))
        return
    with serving(tmp_path_factory.mktemp("bridge")) as embedded:
        yield Bridge(embedded.url, EMBEDDED)


@pytest.fixture
def bridge(server: Bridge) -> Iterator[Bridge]:
    """A client of the server; the tasks that a test adds are removed after it."""
    client = Bridge(server.url, server.release)
    yield client
    for task_id in client.made:
        client.remove(task_id)


@pytest.fixture
def task_type() -> str:
    """A type that no other test and no other user of the server has."""
    return f"contract-{uuid.uuid4()}"


def _release_of(url: str) -> str:
    """Finds out the release by calls that change nothing."""
    probe = Bridge(url, "unknown")
    version = probe.get("version")
    if version.status == 200:
        assert version.body.decode() == V1, f"unknown release {version.body!r}"
        # The embedded bridge has the same version; its first page tells which program it is.
        is_embedded = b"taskworker-classifyimage" in probe.call("GET", "/").body
        return EMBEDDED if is_embedded else V1
    is_express = probe.get("tasks/list/").headers.get("X-Powered-By") == "Express"
    return V3 if is_express else V2
