"""Attacks on the embedded bridge by connections, disk and credentials, with a worker beside them.

    python benchmarks/connection_attacks.py [--seconds 10]

Two attackers each time, and a bridge that may open 1024 files. For each attack: the tasks a second
of a worker before it and beside it, the most memory of the bridge, and what it wrote to its log. To
fill a disk it mounts a small one, as root.
"""

import argparse
import http.client
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

TOKEN = "a-token-of-thirty-two-characters"
AUTHORIZATION = {"Authorization": f"Bearer {TOKEN}"}
HEAD = f"POST /api/tasks/add/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
FORM = "Content-Type: multipart/form-data; boundary=b\r\n"
START = b'--b\r\nContent-Disposition: form-data; name="json"\r\n\r\n'
END = b"\r\n--b--\r\n"


class Worker:
    """Adds, takes, fetches and completes tasks with a picture of 100 kB, one after the other."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.done = self.failed = 0

    def run(self, seconds: float) -> float:
        """Works; returns the tasks in a second."""
        self.done = self.failed = 0
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            try:
                self._do_one()
                self.done += 1
            except (OSError, http.client.HTTPException, RuntimeError):
                self.failed += 1
                self._connection.close()
                time.sleep(0.005)
        return self.done / seconds

    def add_large(self) -> str:
        """Adds a task with a result of 20 MB and returns its id."""
        body = START + b'{"type": "large"}' + END
        added = json.loads(self._call("POST", "add/", body, "multipart/form-data; boundary=b"))
        task_id: str = added["id"]
        result = b'{"result": "' + b"x" * 20_000_000 + b'"}'
        self._call("POST", f"complete/{task_id}/", result)
        return task_id

    def _do_one(self) -> None:
        picture = b'\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        body = START + b'{"type": "t"}' + picture + bytes(100_000) + END
        self._call("POST", "add/", body, "multipart/form-data; boundary=b")
        task = json.loads(self._call("POST", "take/", b'{"type": "t", "worker": "w"}'))
        self._call("GET", f"file/{task['id']}/")
        self._call("POST", f"complete/{task['id']}/", b'{"result": {}}')
        self._call("DELETE", f"remove/{task['id']}/")

    def _call(
        self, method: str, path: str, body: bytes = b"", kind: str = "application/json"
    ) -> bytes:
        headers = {**AUTHORIZATION, "Content-Type": kind}
        self._connection.request(method, f"/api/tasks/{path}", body, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status}")
        return content


def connect(port: int) -> socket.socket:
    """Opens a connection to the bridge."""
    return socket.create_connection(("127.0.0.1", port), 10)


def send_halves(port: int, _: str) -> None:
    """Holds 1,100 connections with half a body each, and opens those anew that are closed."""
    held: list[socket.socket] = []
    while True:
        try:
            connection = connect(port)
            head = (HEAD + FORM + "Content-Length: 90000\r\n\r\n").encode()
            connection.sendall(head + START + bytes(40_000))
            held.append(connection)
        except OSError:
            time.sleep(0.01)
        if len(held) > 1100:
            held.pop(0).close()
            time.sleep(0.002)


def read_nothing(port: int, task_id: str) -> None:
    """Asks 500 times for a result of 20 MB and never reads."""
    held: list[socket.socket] = []
    ask = HEAD.replace("POST /api/tasks/add/", f"GET /api/tasks/result/{task_id}") + "\r\n"
    while True:
        try:
            connection = connect(port)
            connection.sendall(ask.encode())
            held.append(connection)
        except OSError:
            time.sleep(0.01)
        time.sleep(0.05)
        if len(held) > 500:
            held.pop(0).close()


def send_without_credentials(port: int, _: str) -> None:
    """Sends bodies of 5 GB without the token."""
    length = "Content-Length: 5000000000\r\n\r\n"
    head = (HEAD.replace("Authorization", "X-None") + FORM + length).encode()
    while True:
        try:
            with connect(port) as connection:
                connection.sendall(head)
                while True:
                    connection.sendall(bytes(2**20))
        except OSError:
            pass


def guess(port: int, _: str) -> None:
    """Guesses the token, a connection each time."""
    while True:
        try:
            with connect(port) as connection:
                wrong = HEAD.replace(TOKEN, str(time.time_ns()))
                connection.sendall(f"{wrong}\r\n".encode())
                connection.recv(100)
        except OSError:
            pass


def fill_the_disk(port: int, _: str) -> None:
    """Adds tasks with 3 MB of data."""
    body = START + b'{"type": "fill", "data": "' + b"x" * 3_000_000 + b'"}' + END
    head = (HEAD + FORM + f"Content-Length: {len(body)}\r\n\r\n").encode()
    while True:
        try:
            with connect(port) as connection:
                connection.sendall(head + body)
                connection.recv(1000)
        except OSError:
            pass


ATTACKS: dict[str, Callable[[int, str], None]] = {
    attack.__name__: attack
    for attack in (send_halves, read_nothing, send_without_credentials, guess, fill_the_disk)
}


def main() -> None:
    """Runs all attacks, or as a child one of them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--attack", nargs=3, metavar=("NAME", "PORT", "TASK"))
    given = parser.parse_args()
    if given.attack:
        name, port, task_id = given.attack
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
        ATTACKS[name](int(port), task_id)
    print("attack | tasks/s before | beside it | share | memory MiB | log kB/min | failed calls")
    for name in ATTACKS:
        with tempfile.TemporaryDirectory() as folder:
            measure(name, given.seconds, Path(folder))


def measure(name: str, seconds: float, folder: Path) -> None:
    """Prints the line of one attack."""
    data, log = folder / "data", folder / "log"
    data.mkdir()
    if name == "fill_the_disk":
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m", "none", data], check=True)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    bridge = start_bridge(port, data, log)
    attackers = []
    try:
        worker = Worker(port)
        worker.run(1)
        before = worker.run(seconds / 2)
        task_id = worker.add_large()
        command = [sys.executable, __file__, "--attack", name, str(port), task_id]
        attackers = [subprocess.Popen(command) for _ in range(2)]
        time.sleep(2)
        beside = worker.run(seconds)
        status = Path(f"/proc/{bridge.pid}/status").read_text()
        peak_mib = int(status.split("VmHWM:")[1].split()[0]) // 1024
        logged = log.stat().st_size / (seconds + 2) * 60 / 1000
        share = beside / before
        print(
            f"{name} | {before:.1f} | {beside:.1f} | {share:.2f} | {peak_mib} | {logged:.1f} |"
            f" {worker.failed}",
            flush=True,
        )
    finally:
        for process in (*attackers, bridge):
            process.terminate()
            process.wait()
        if name == "fill_the_disk":
            subprocess.run(["umount", data], check=True)


def start_bridge(port: int, data: Path, log: Path) -> "subprocess.Popen[bytes]":
    """Starts a bridge that may open 1024 files, and waits until it answers."""
    flags = ["--bridge-port", str(port), "--bridge-data", str(data)]
    program = f'ulimit -n 1024; exec {sys.executable} -m taskworker_classifyimage bridge "$@"'
    with log.open("wb") as output:
        bridge = subprocess.Popen(
            ["sh", "-c", program, "sh", *flags],
            stdout=output,
            stderr=output,
            env={**os.environ, "bridgetoken": TOKEN},
        )
    while True:
        try:
            connect(port).close()
            return bridge
        except OSError:
            time.sleep(0.1)


if __name__ == "__main__":
    main()
