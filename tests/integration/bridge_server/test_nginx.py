"""The bridge behind a real nginx that is set up as docs/bridge.md says."""

import re
from pathlib import Path
from urllib.parse import urljoin

import pytest

from support.http_client import Answer, HttpClient
from support.in_process import FORM_TYPE, form, serving
from support.nginx import nginx, read_documented
from taskworker_classifyimage.bridge_server.access import Access

pytestmark = pytest.mark.large

LAB = "http://lab.example"
PLAIN = "location / { proxy_pass http://127.0.0.1:42000/; }"


def call(client: HttpClient, path: str, **headers: str) -> Answer:
    """What a browser asks that has the page of the proxy open."""
    named = {"Host": "lab.example", **{key.replace("_", "-"): v for key, v in headers.items()}}
    return client.call("GET", path, None, named)


def test_page_and_calls_work_as_documented(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        serving(tmp_path / "b", access=Access(origins=(LAB,))) as bridge,
        nginx(tmp_path, read_documented(), bridge.netloc) as client,
    ):
        page = call(client, "/bridge/")
        assert page.status == 200
        text = page.body.decode()
        assert f"{LAB}/bridge/api/tasks/add/" in text
        text += call(client, "/bridge/doc/api").body.decode()
        links = set(re.findall(r'(?:href|src)="([^"#]+)"', text))
        assert {"style.css", "page/main.js", "/bridge/style.css"} <= links
        for link in links:
            assert call(client, urljoin("/bridge/", link)).status == 200, link
        own_page = {"Host": "lab.example", "Origin": LAB, **FORM_TYPE}
        body = form(b'{"type": "t"}', b"x" * 2_000_000)
        added = client.call("POST", "/bridge/api/tasks/add/", body, own_page)
        assert added.status == 200
        task_id = added.json()["id"]
        assert len(call(client, f"/bridge/api/tasks/file/{task_id}/").body) == 2_000_000
        caplog.clear()
        foreign = call(client, "/bridge/api/tasks/list/", Origin="http://evil.example")
        assert foreign.status == 403
        assert call(client, "/bridge/api/tasks/list/", Host="evil.example").status == 421
    assert [line.count("bridge.refused") for line in caplog.messages] == [1, 1]


def test_a_plain_nginx_needs_the_address_only_for_browsers_that_send(tmp_path: Path) -> None:
    """It sends the bridge's own Host."""
    with serving(tmp_path / "b") as bridge, nginx(tmp_path, PLAIN, bridge.netloc) as client:
        assert call(client, "/").status == 200
        assert call(client, "/api/tasks/list/").status == 200
        assert call(client, "/api/tasks/list/", Origin=LAB).status == 403
    with (
        serving(tmp_path / "c", access=Access(origins=(LAB,))) as bridge,
        nginx(tmp_path, PLAIN, bridge.netloc) as client,
    ):
        assert call(client, "/api/tasks/list/", Origin=LAB).status == 200
