"""The server that the contract is tested on: the embedded one, or any other by its URL.

Without TASKBRIDGE_CONTRACT_URL an embedded bridge is started on a free port. With it the suite
talks to that server instead, and changes no task there that it has not made itself.

One suite for the embedded bridge and for the releases 1.3.0, 2.2.1 and 3.1.0: where these differ,
each test says who answers what, and `only_embedded` stands where no other server promises it.
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
    """A client of the server; what a test adds is gone after it."""
    client = Bridge(server.url, server.release)
    yield client
    for task_id in client.made:
        client.remove(task_id)


@pytest.fixture
def task_type() -> str:
    """A type that no other test and no other user of the server has."""
    return f"contract-{uuid.uuid4()}"


def _release_of(url: str) -> str:
    """Tell the releases apart by calls that change nothing."""
    probe = Bridge(url, "unknown")
    version = probe.get("version")
    if version.status == 200:
        assert version.body.decode() == V1, f"unknown release {version.body!r}"
        # The embedded bridge speaks the protocol of 1.3.0, and explains itself.
        is_embedded = b"taskworker-classifyimage" in probe.call("GET", "/").body
        return EMBEDDED if is_embedded else V1
    is_express = probe.get("tasks/list/").headers.get("X-Powered-By") == "Express"
    return V3 if is_express else V2
