"""A real nginx in front of a bridge, as the user who runs the tests."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.http_client import HttpClient
from support.programs import ROOT, free_port
from support.waiting import wait_until

_NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


def read_documented() -> str:
    """The locations that docs/bridge.md names."""
    page = (ROOT / "docs" / "bridge.md").read_text(encoding="utf-8")
    [block] = re.findall(r"```nginx\n(.*?)```", page, re.DOTALL)
    assert isinstance(block, str)
    return block


@contextmanager
def nginx(folder: Path, locations: str, netloc: str) -> Iterator[HttpClient]:
    """Runs nginx with locations in which 127.0.0.1:42000 stands for the bridge's `netloc`."""
    if _NGINX is None:
        assert os.environ.get("CI") != "true", "nginx has to be there: .ci/run installs it"
        pytest.skip("nginx is not installed (Debian: nginx-light)")
    port = free_port()
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    # Else its workers, who are nobody then, could not store a body.
    user = "user root root;" if os.geteuid() == 0 else ""
    locations = locations.replace("127.0.0.1:42000", netloc)
    (folder / "nginx.conf").write_text(
        f"{user} daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}}"
        f" http {{ access_log off; {temporary}"
        f" server {{ listen 127.0.0.1:{port}; {locations} }} }}",
        encoding="utf-8",
    )
    command = [_NGINX, "-p", str(folder), "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf"]
    with subprocess.Popen(command) as process:
        client = HttpClient(f"http://127.0.0.1:{port}")
        try:
            wait_until(lambda: _is_up(client) or process.poll() is not None)
            yield client
        finally:
            process.terminate()


def _is_up(client: HttpClient) -> bool:
    try:
        client.call("GET", "/")
    except OSError:
        return False
    return True
