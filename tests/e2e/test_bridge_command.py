"""`bridge` and `work` as programs: who may call them, how they stop and start again."""

import http.client
import os
import shutil
import signal
import socket
import sys
import time
import urllib.error
from contextlib import closing
from pathlib import Path

import pytest

from support.api import Api
from support.held_port import HeldPort
from support.http_client import HttpClient
from support.multipart import file_part, form_type, json_part, multipart
from support.packs import colour_network, write_pack
from support.photos import ESPRESSO
from support.programs import COMMAND, Program, free_port, worker
from support.same_process import RunHere
from support.waiting import LONG_S, wait_until

TOKEN = "a-token-of-thirty-two-characters"


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--bridge-host", "0.0.0.0"], "--allow-remote open to let everybody in"),
        (["--bridge-host", "0.0.0.0", "--allow-remote"], "--allow-remote needs a token"),
        (["--allow-remote", "all"], "allow-remote must be one of token, open"),
        (["--bridge-token-file", "/nowhere/token"], "token file /nowhere/token: No such file"),
        (["--bridge-lease", "0"], "bridge-lease must be from 1"),
        (["--bridge-origins", "lab.example"], "bridge-origins must look like https://lab.example"),
    ],
)
def test_wrong_access_settings_are_one_line_and_start_nothing(
    tmp_path: Path, flags: list[str], says: str, run_here: RunHere
) -> None:
    ended = run_here("bridge", "--bridge-data", str(tmp_path / "b"), *flags)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert says in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert not (tmp_path / "b").exists()


def test_a_port_that_needs_more_rights_is_told_in_a_sentence(tmp_path: Path) -> None:
    """Not with the words of Python's event loop."""
    first = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    if not first.exists() or int(first.read_text(encoding="ascii")) <= 80:
        pytest.skip("here, everybody may have that port")
    command = [*COMMAND]
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("setpriv, which takes the right away, is not installed")
        command = ["setpriv", "--bounding-set", "-net_bind_service", *COMMAND]
    with Program(
        "bridge", "--bridge-port", "80", "--bridge-data", str(tmp_path), command=command
    ) as program:
        assert program.process.wait(LONG_S) == 2
    assert (
        "this user may not serve on port 80; take one from 1024 up with --bridge-port"
        in program.printed
    )
    assert program.printed.count("\n") == 1


def test_other_machines_may_call_an_open_bridge(tmp_path: Path) -> None:
    port = free_port()
    flags = ("--bridge-host", "0.0.0.0", "--allow-remote", "open", "--bridge-port", str(port))
    with Program("bridge", *flags, "--bridge-data", str(tmp_path)) as program:
        program.wait_for(f"http://127.0.0.1:{port}/")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/api/tasks/list/", headers={"Host": "bridge.lab"})
        assert connection.getresponse().read() == b"[]"
        connection.close()


@pytest.mark.parametrize("source", ["file", "environment"])
def test_the_programs_own_worker_knows_its_bridges_token(tmp_path: Path, source: str) -> None:
    """The token does not appear in the program's output."""
    (tmp_path / "token").write_text(f"{TOKEN}\n", encoding="utf-8")
    pack = write_pack(tmp_path / "pack", colour_network())
    port = free_port()
    flags = ["--bridge-port", str(port), "--bridge-data", str(tmp_path / "bridge")]
    flags += ["--model", str(pack), "--decoder-processes", "1", "--log-level", "debug"]
    environ = {"bridgetoken": TOKEN} if source == "environment" else {}
    if source == "file":
        flags += ["--bridge-token-file", str(tmp_path / "token")]
    with Program("work", *flags, environ=environ) as program:
        program.wait_for("works for")
        with pytest.raises(urllib.error.HTTPError, match="401"):
            Api(f"http://127.0.0.1:{port}").tasks()
        api = Api(f"http://127.0.0.1:{port}", token=TOKEN)
        assert "predictions" in api.wait_for_result(api.add({}, ESPRESSO))
        assert TOKEN not in program.printed


def test_a_worker_elsewhere_gives_the_token_as_its_password(tmp_path: Path) -> None:
    pack = write_pack(tmp_path / "pack", colour_network())
    port = free_port()
    flags = ("--bridge-port", str(port), "--bridge-data", str(tmp_path / "bridge"))
    with Program("bridge", *flags, environ={"bridgetoken": TOKEN}) as bridge:
        bridge.wait_for("Stop with")
        api = Api(f"http://127.0.0.1:{port}", token=TOKEN)
        url = f"http://worker:{TOKEN}@127.0.0.1:{port}/"
        with worker(url, "w", "--model", str(pack), "--decoder-processes", "1") as program:
            assert "predictions" in api.wait_for_result(api.add({}, ESPRESSO))
            assert TOKEN not in program.printed


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other signals")
def test_a_stop_finishes_the_call_that_runs_and_the_next_start_has_the_port_at_once(
    tmp_path: Path,
) -> None:
    port = free_port()
    flags = ("--bridge-port", str(port), "--bridge-data", str(tmp_path))
    parts = [json_part(b'{"type": "t"}'), file_part(b"x" * 100_000, "a.jpg")]
    body = multipart("b", parts)
    head = f"POST /api/tasks/add/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
    head += f"Content-Type: {form_type('b')['Content-Type']}\r\n\r\n"
    with Program("bridge", *flags) as program:
        program.wait_for("Stop with")
        with socket.create_connection(("127.0.0.1", port), 30) as running:
            running.sendall(head.encode() + body[:70_000])
            begun = 70_000
            while not list((tmp_path / "files").glob("*.part")):
                running.sendall(body[begun : begun + 1])
                begun += 1
                time.sleep(0.01)
            program.process.send_signal(signal.SIGTERM)
            wait_until(lambda: is_free(port))
            running.sendall(body[begun:])
            assert running.recv(1000).startswith(b"HTTP/1.1 200")
        assert program.process.wait(30) == 0
        assert "Traceback" not in program.printed
    with Program("bridge", *flags) as program:
        program.wait_for("Stop with")
        api = Api(f"http://127.0.0.1:{port}")
        [task] = api.tasks()
        assert api.call("GET", f"tasks/file/{task['id']}/") == b"x" * 100_000


def is_free(port: int) -> bool:
    """Whether nobody listens on the port; it does not connect, as that would be another call."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def test_the_bridge_starts_when_the_connection_has_ended(tmp_path: Path) -> None:
    held = HeldPort()
    flags = ("--bridge-port", str(held.port), "--bridge-data", str(tmp_path))
    with closing(held), Program("bridge", *flags) as program:
        program.wait_for(f"bridge.port_busy port={held.port}")
        held.close()
        program.wait_for("Stop with Ctrl-C.")
        assert program.printed.count("port_busy") == 1
        answer = HttpClient(f"http://127.0.0.1:{held.port}").get("tasks/list/")
        assert answer.json() == []
        assert program.stop() == 0


def test_a_bridge_that_waits_for_its_port_stops_when_told(tmp_path: Path) -> None:
    held = HeldPort()
    flags = ("--bridge-port", str(held.port), "--bridge-data", str(tmp_path))
    with closing(held), Program("bridge", *flags) as program:
        program.wait_for("bridge.port_busy")
        assert program.stop() == 0
        assert "Stop with" not in program.printed


def test_the_log_tells_start_and_stop_and_at_debug_calls(tmp_path: Path) -> None:
    port = free_port()
    flags = ("--bridge-port", str(port), "--bridge-data", str(tmp_path), "--log-level", "debug")
    with Program("bridge", *flags) as program:
        program.wait_for("Stop with Ctrl-C.")
        Api(f"http://127.0.0.1:{port}").tasks()
        program.wait_for("bridge.call call='GET /api/tasks/list/'")
        assert program.stop() == 0
    assert f"bridge.started url=http://127.0.0.1:{port} folder={tmp_path}" in program.printed
    assert "bridge.stopped" in program.printed
