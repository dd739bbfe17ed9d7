"""The pages: they lead to each other, and need nothing from elsewhere and allow nothing."""

from base64 import b64encode
from hashlib import sha256

import pytest

from support.in_process import BridgeOnFolder


@pytest.mark.parametrize("path", ["/", "/doc/api", "/doc/api/"])
def test_a_page_needs_nothing_from_elsewhere_and_allows_nothing(
    bridge: BridgeOnFolder, path: str
) -> None:
    answer = bridge.call("GET", path)
    text = answer.body.decode()
    style = text.split("<style>")[1].split("</style>")[0]
    policy = answer.headers["Content-Security-Policy"]
    assert f"style-src 'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'" in policy
    assert policy.startswith("default-src 'none'")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "prefers-color-scheme: dark" in style
    assert not [tag for tag in ("src=", "<script", 'href="http', "style=", "{{") if tag in text]
    assert f"{bridge.url}/api/tasks/add/" in text


def test_the_pages_lead_to_each_other_and_show_every_call(bridge: BridgeOnFolder) -> None:
    assert b'href="/doc/api"' in bridge.call("GET", "/").body
    text = bridge.call("GET", "/doc/api").body.decode()
    assert 'href="/"' in text
    for name in ("add", "take", "file", "progress", "complete", "restart", "status", "result"):
        assert f"<code>/api/tasks/{name}/" in text
    for name in ("details", "list", "remove", "statistics", "workerstatistics"):
        assert f"<code>/api/tasks/{name}/" in text
    assert "<code>/api/workers/list/" in text
    assert "<code>/api/version" in text


@pytest.mark.parametrize("host", ["<script>", "a&b", "x'y", "$(reboot)", "a;b", "[::1"])
def test_a_host_that_is_none_is_not_shown(bridge: BridgeOnFolder, host: str) -> None:
    answer = bridge.call("GET", "/", None, {"Host": host})
    assert host.encode() not in answer.body.split(b"<header>")[-1]
    assert answer.status in (200, 400)
