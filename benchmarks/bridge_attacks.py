"""Attacks on the embedded bridge, with a worker beside them.

    python benchmarks/bridge_attacks.py [--seconds 10] [NAME ...]

Two attackers each time, all on this machine, and a bridge that may open 1024 files. For each
attack: the pictures a second of a worker before it and beside it, the most memory of the bridge,
and what it wrote to its log. To fill a disk it mounts a small one, as root.
"""

import argparse
import gzip
import http.client
import itertools
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from taskworker_classifyimage.sample import SAMPLE

TOKEN = "a-token-of-thirty-two-characters"
AUTHORIZATION = {"Authorization": f"Bearer {TOKEN}"}
HEAD = f"POST /api/tasks/add/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
FORM = "Content-Type: multipart/form-data; boundary=b\r\n"
START = b'--b\r\nContent-Disposition: form-data; name="json"\r\n\r\n'
FORM_TYPE = "multipart/form-data; boundary=b"
END = b"\r\n--b--\r\n"
#: What a worker with the fastest model does at most, on the machines at hand.
PICTURES_A_SECOND = 250


class Lab:
    """A bridge with a worker, and pictures that wait for it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._added = 0

    def add_pictures(self, count: int) -> None:
        """Adds tasks whose pictures all differ."""
        picture = SAMPLE.read_bytes()
        part = b'\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for _ in range(count):
            self._added += 1
            form = START + b'{"type": "classifyimage"}' + part + picture + b"%d" % self._added + END
            self.call("POST", "add/", form, FORM_TYPE)

    def rate(self, seconds: float) -> float:
        """Pictures that are completed in a second; adds more whenever few are left."""
        before, start_s = self._completed(), time.monotonic()
        while time.monotonic() < start_s + seconds:
            time.sleep(0.5)
        return (self._completed() - before) / (time.monotonic() - start_s)

    def add_large(self) -> str:
        """Adds a task with a result of 20 MB and returns its id."""
        added = json.loads(self.call("POST", "add/", START + b'{"type": "large"}' + END, FORM_TYPE))
        task_id: str = added["id"]
        result = b'{"result": "' + b"x" * 20_000_000 + b'"}'
        self.call("POST", f"complete/{task_id}/", result)
        return task_id

    def call(
        self, method: str, path: str, body: bytes = b"", kind: str = "application/json"
    ) -> bytes:
        """Calls until it is answered; an attack may close the connection."""
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
            try:
                headers = {**AUTHORIZATION, "Content-Type": kind}
                connection.request(method, f"/api/tasks/{path}", body, headers)
                answer = connection.getresponse()
                content = answer.read()
                if answer.status == 200:
                    return content
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()
            time.sleep(0.05)

    def _completed(self) -> int:
        count: int = json.loads(self.call("GET", "statistics/")).get("classifyimage", 0)
        return count


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


def send(port: int, path: str, body: bytes, kind: str, *headers: str) -> None:
    """Makes one call with the token and waits for the beginning of the answer."""
    head = HEAD.replace("tasks/add/", path) + "".join(f"{header}\r\n" for header in headers)
    head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    with suppress(OSError), connect(port) as connection:
        connection.sendall(head.encode() + body)
        connection.recv(1000)


def send_requirements(port: int, _: str) -> None:
    """Adds tasks with 100 kB of requirements each, and the largest that are allowed."""
    for number in itertools.count():
        size = 100_000 if number % 2 else 4000
        task = {"type": "classifyimage", "requirements": {f"{os.getpid()} {number}": "x" * size}}
        send(port, "tasks/add/", START + json.dumps(task).encode() + END, FORM_TYPE)


def send_parts(port: int, _: str) -> None:
    """Sends forms of 30,000 empty parts."""
    body = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' * 30_000 + b"--b--\r\n"
    while True:
        send(port, "tasks/add/", body, FORM_TYPE)


def send_lists(port: int, _: str) -> None:
    """Adds tasks with 49 MB of empty lists."""
    body = START + b'{"type": "large", "data": [' + b"[]," * 16_300_000 + b"1]}" + END
    while True:
        send(port, "tasks/add/", body, FORM_TYPE)


def send_names(port: int, _: str) -> None:
    """Asks for tasks under 15,000 long names, and for the list of workers."""
    for number in itertools.count():
        asked = {"type": "none", "worker": f"{os.getpid()} {number % 15_000} {'x' * 900}"}
        send(port, "tasks/take/", json.dumps(asked).encode(), "application/json")
        asked["worker"] = asked["worker"][:200]
        send(port, "tasks/take/", json.dumps(asked).encode(), "application/json")
        if number % 50 == 0:
            send(port, "workers/list/", b"", "application/json")


def send_packed(port: int, _: str) -> None:
    """Sends half a megabyte that unpacks to 500 MB."""
    body = gzip.compress(bytes(500_000_000))
    while True:
        send(port, "tasks/take/", body, "application/json", "Content-Encoding: gzip")


def send_nonsense(port: int, _: str) -> None:
    """Sends what is no HTTP, and headers that no client sends."""
    for line in itertools.cycle(
        ["\x00\x01", "GET", "GET / HTTP/9.9", "POST /x HTTP/1.1\r\nOrigin: http://["]
    ):
        with suppress(OSError), connect(port) as connection:
            connection.sendall(f"{line}\r\n\r\n".encode())
            connection.recv(1000)


ATTACKS: dict[str, Callable[[int, str], None]] = {
    attack.__name__: attack
    for attack in (
        *(send_requirements, send_parts, send_lists, send_names, send_packed, send_nonsense),
        *(send_halves, read_nothing, send_without_credentials, guess, fill_the_disk),
    )
}


def main() -> None:
    """Runs all attacks, or as a child one of them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", default=list(ATTACKS))
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--attack", nargs=3, metavar=("NAME", "PORT", "TASK"))
    given = parser.parse_args()
    if given.attack:
        name, port, task_id = given.attack
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
        ATTACKS[name](int(port), task_id)
    print("attack | pictures/s before | beside it | share | memory MiB | log kB/min")
    for name in given.names:
        with tempfile.TemporaryDirectory() as folder:
            measure(name, given.seconds, Path(folder))


def measure(name: str, seconds: float, folder: Path) -> None:
    """Prints the line of one attack."""
    data, log = folder / "data", folder / "log"
    data.mkdir()
    if name == "fill_the_disk":
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1600m", "none", data], check=True)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    processes = [start_bridge(port, data, log)]
    try:
        lab = Lab(port)
        lab.add_pictures(int(PICTURES_A_SECOND * (2 + 1.5 * seconds)))
        task_id = lab.add_large()
        processes.append(start_worker(port))
        while not lab.rate(1):
            pass
        before = lab.rate(seconds / 2)
        command = [sys.executable, __file__, "--attack", name, str(port), task_id]
        processes += [subprocess.Popen(command) for _ in range(2)]
        time.sleep(2)
        beside = lab.rate(seconds)
        status = Path(f"/proc/{processes[0].pid}/status").read_text()
        peak_mib = int(status.split("VmHWM:")[1].split()[0]) // 1024
        logged = log.stat().st_size / (seconds + 2) * 60 / 1000
        print(
            f"{name} | {before:.1f} | {beside:.1f} | {beside / before:.2f} | {peak_mib} |"
            f" {logged:.1f}",
            flush=True,
        )
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait()
        if name == "fill_the_disk":
            subprocess.run(["umount", data], check=True)


def start_worker(port: int) -> "subprocess.Popen[bytes]":
    """Starts a worker with the fastest model."""
    url = f"http://127.0.0.1:{port}/"
    flags = [
        "--taskbridgeurl",
        url,
        "--worker",
        "honest",
        "--model",
        "EfficientNetLite0",
        "--quiet",
    ]
    return subprocess.Popen(
        [sys.executable, "-m", "taskworker_classifyimage", "work", *flags],
        env={**os.environ, "taskbridgeauth": f"Bearer {TOKEN}"},
    )


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
