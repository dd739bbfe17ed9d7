"""The bridge behind a real nginx that is set up as docs/bridge.md says."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin

import pytest

from support.http_client import Answer, HttpClient
from support.in_process import FORM_TYPE, BridgeOnFolder, form, serving
from support.programs import ROOT, free_port
from support.waiting import wait_until
from taskworker_classifyimage.bridge_server.access import Access

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
pytestmark = pytest.mark.large

LAB = "http://lab.example"
PLAIN = "location / { proxy_pass http://127.0.0.1:42000/; }"


def documented() -> str:
    page = (ROOT / "docs" / "bridge.md").read_text(encoding="utf-8")
    [block] = re.findall(r"```nginx\n(.*?)```", page, re.DOTALL)
    assert isinstance(block, str)
    return block


@contextmanager
def nginx(folder: Path, location: str, bridge: BridgeOnFolder) -> Iterator[HttpClient]:
    """nginx in front of a bridge, as the user who runs the tests."""
    if NGINX is None:
        assert os.environ.get("CI") != "true", "nginx has to be there: .ci/run installs it"
        pytest.skip("nginx is not installed (Debian: nginx-light)")
    port = free_port()
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    # Else its workers, who are nobody then, could not store a body.
    user = "user root root;" if os.geteuid() == 0 else ""
    location = location.replace("127.0.0.1:42000", bridge.netloc)
    (folder / "nginx.conf").write_text(
        f"{user} daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}}"
        f" http {{ access_log off; {temporary}"
        f" server {{ listen 127.0.0.1:{port}; {location} }} }}",
        encoding="utf-8",
    )
    command = [NGINX, "-p", str(folder), "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf"]
    with subprocess.Popen(command) as process:
        client = HttpClient(f"http://127.0.0.1:{port}")
        try:
            wait_until(lambda: is_up(client) or process.poll() is not None)
            yield client
        finally:
            process.terminate()


def is_up(client: HttpClient) -> bool:
    try:
        client.call("GET", "/")
    except OSError:
        return False
    return True


def call(client: HttpClient, path: str, **headers: str) -> Answer:
    """What a browser asks that has the page of the proxy open."""
    named = {"Host": "lab.example", **{key.replace("_", "-"): v for key, v in headers.items()}}
    return client.call("GET", path, None, named)


def test_page_and_calls_work_as_documented(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        serving(tmp_path / "b", access=Access(origins=(LAB,))) as bridge,
        nginx(tmp_path, documented(), bridge) as client,
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
    with serving(tmp_path / "b") as bridge, nginx(tmp_path, PLAIN, bridge) as client:
        assert call(client, "/").status == 200
        assert call(client, "/api/tasks/list/").status == 200
        assert call(client, "/api/tasks/list/", Origin=LAB).status == 403
    with (
        serving(tmp_path / "c", access=Access(origins=(LAB,))) as bridge,
        nginx(tmp_path, PLAIN, bridge) as client,
    ):
        assert call(client, "/api/tasks/list/", Origin=LAB).status == 200
