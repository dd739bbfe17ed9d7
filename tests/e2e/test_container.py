import subprocess
import sys
from pathlib import Path

from support.canned_server import CannedServer, http
from support.certificates import self_signed
from support.programs import ROOT, clean_environment, free_port


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
