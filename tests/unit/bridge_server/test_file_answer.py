"""A large file is sent once, and its connection serves the next call."""

import http.client
from contextlib import closing

import pytest

from support.in_process import BridgeOnFolder
from support.waiting import LONG_S

LARGE = b"x" * 2_000_000


@pytest.mark.parametrize(
    ("headers", "status", "size"),
    [
        ({}, 200, 2_000_000),
        ({"Range": "bytes=5-14"}, 206, 10),
        ({"Range": "bytes=9999999-"}, 416, 0),
    ],
)
def test_the_connection_stays_open_after_a_large_file(
    bridge: BridgeOnFolder,
    caplog: pytest.LogCaptureFixture,
    headers: dict[str, str],
    status: int,
    size: int,
) -> None:
    task_id = bridge.add(LARGE)
    with closing(http.client.HTTPConnection(bridge.netloc, timeout=LONG_S)) as connection:
        connection.connect()
        kept = connection.sock
        for _ in range(2):
            connection.request(
                "GET", f"/api/tasks/file/{task_id}/", headers={"Accept": "*/*", **headers}
            )
            answer = connection.getresponse()
            assert (answer.status, len(answer.read())) == (status, size)
        connection.request("GET", "/api/version/", headers={"Accept": "*/*"})
        assert connection.getresponse().read() == b"1.3.0"
        assert connection.sock is kept
    assert "bridge.failed_call" not in caplog.text
