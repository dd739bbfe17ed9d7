import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.canned_server import CannedServer, http
from support.certificates import self_signed
from support.programs import ROOT, RunningBridge, clean_environment, free_port
from support.small_worker import small_worker
from support.waiting import wait_until


def check_health(**environ: str) -> subprocess.CompletedProcess[str]:
    """The health check of the container, as Docker runs it."""
    return subprocess.run(
        [sys.executable, str(ROOT / "deploy" / "healthcheck.py")],
        env=clean_environment(**environ),
        timeout=60,
        capture_output=True,
        check=False,
        encoding="utf-8",
    )


def test_a_bridge_that_answers_is_healthy_also_if_it_demands_a_password() -> None:
    """The check has no password, and sends none that is in the address."""
    with CannedServer() as server:
        server.answer = http(401)
        for name in ("taskbridgeurl", "TASKBRIDGEURL"):
            url = server.url.replace("//", "//user:secret@") + "/bridge/"
            assert check_health(**{name: url}).returncode == 0
    for request in server.requests:
        assert request.startswith("GET /bridge/api/version HTTP/1.1")
        assert "authorization" not in request.lower()
    assert len(server.requests) == 2


def test_a_certificate_is_left_to_the_worker_to_check(tmp_path: Path) -> None:
    """It knows the CA or the pin; the check sends nothing that anybody could want."""
    tls, _ = self_signed(tmp_path)
    with CannedServer(tls) as server:
        server.answer = http(200)
        assert check_health(taskbridgeurl=server.url).returncode == 0


def test_no_answer_is_unhealthy_with_the_reason() -> None:
    """One line, which `docker inspect` shows."""
    with CannedServer() as server:
        server.answer = b"this is not HTTP"
        nonsense = check_health(taskbridgeurl=server.url)
    refused = check_health(taskbridgeurl=f"http://127.0.0.1:{free_port()}/")
    for ended in (nonsense, refused):
        assert ended.returncode == 1
        assert ended.stderr.startswith("127.0.0.1: ")
        assert ended.stderr.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="no signal stops a process there")
def test_a_worker_that_is_stopped_is_unhealthy_and_one_that_has_nothing_to_do_is_not(
    running_bridge: RunningBridge, tmp_path: Path
) -> None:
    """The check calls nobody: the worker's bridge is not in the environment."""
    heartbeat = tmp_path / "heartbeat"
    with small_worker(running_bridge.url, "w", "--heartbeat", str(heartbeat)) as program:
        wait_until(heartbeat.exists)
        assert check_health(TASKWORKER_HEARTBEAT=str(heartbeat)).returncode == 0
        program.process.send_signal(signal.SIGSTOP)
        make_old(heartbeat)
        checked = check_health(TASKWORKER_HEARTBEAT=str(heartbeat))
        assert checked.returncode == 1
        assert re.fullmatch(r"the worker has given no sign of life for \d+ s\n", checked.stderr)
        program.process.send_signal(signal.SIGCONT)
        wait_until(lambda: check_health(TASKWORKER_HEARTBEAT=str(heartbeat)).returncode == 0)
        assert program.stop() == 0
    assert not heartbeat.exists()


def test_a_worker_whose_bridge_is_away_stays_healthy(tmp_path: Path) -> None:
    """To start it again would not bring the bridge back."""
    heartbeat, url = tmp_path / "heartbeat", f"http://127.0.0.1:{free_port()}/"
    with small_worker(url, "w", "--heartbeat", str(heartbeat)) as program:
        program.wait_for("is unavailable")
        make_old(heartbeat)
        wait_until(lambda: heartbeat.stat().st_mtime > time.time() - 60)
        environ = {"TASKWORKER_HEARTBEAT": str(heartbeat), "taskbridgeurl": url}
        assert check_health(**environ).returncode == 0


def test_a_heartbeat_that_cannot_be_written_is_told_and_the_bridge_is_asked(
    running_bridge: RunningBridge, tmp_path: Path
) -> None:
    """As in a container without the folder; the worker works all the same."""
    heartbeat = tmp_path / "missing" / "heartbeat"
    with small_worker(running_bridge.url, "w", "--heartbeat", str(heartbeat)) as program:
        program.wait_for(f"{heartbeat} cannot be touched")
        task_id = running_bridge.api.add()
        assert running_bridge.api.wait_for_result(task_id)["code"] == "file_missing"
    checked = check_health(TASKWORKER_HEARTBEAT=str(heartbeat), taskbridgeurl=running_bridge.url)
    assert checked.returncode == 0


def make_old(heartbeat: Path) -> None:
    """As if it had been touched two minutes ago."""
    long_ago_s = time.time() - 120
    os.utime(heartbeat, (long_ago_s, long_ago_s))
