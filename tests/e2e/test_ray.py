"""`--engine ray`: the results of the local engine, whoever is killed."""

import contextlib
import importlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import psutil
import pytest

from support.odd_folders import make_odd_folder, make_picture
from support.programs import ROOT, Program, RunningBridge, free_port, run_command
from support.ray_cluster import ENVIRONMENT, RayCluster, need, running_cluster
from support.waiting import wait_until

pytestmark = [
    pytest.mark.large,
    pytest.mark.skipif(sys.platform != "linux", reason="Ray has clusters on Linux only"),
]

#: More for a run by hand: CLASSIFYIMAGE_RAY_PICTURES=2000.
PICTURES = int(os.environ.get("CLASSIFYIMAGE_RAY_PICTURES", "60"))
LIGHT = {"model": "EfficientNetLite0"}


@pytest.fixture(scope="module")
def store() -> dict[str, str]:
    """What a node has to know of an object store; only one test starts it."""
    return {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}",
    }


@pytest.fixture(scope="module")
def cluster(store: dict[str, str]) -> Iterator[RayCluster]:
    """Of two nodes."""
    need("ray", "pandas", "pyarrow")
    with running_cluster(2, store) as started:
        yield started


def rows_of(pattern: Path) -> list[Any]:
    columns = "path, status, code, error, size, modified, predictions, warnings, sha256"
    return duckdb.execute(f"SELECT {columns} FROM '{pattern}' ORDER BY path").fetchall()


def parts_of(folder: Path) -> dict[str, tuple[int, bytes]]:
    """The finished partitions: when each was written, and what it holds."""
    return {
        each.name: (each.stat().st_mtime_ns, each.read_bytes())
        for each in sorted(folder.glob("part-*.parquet"))
    }


def test_killed_driver_and_node_cost_no_picture(tmp_path: Path, cluster: RayCluster) -> None:
    """The driver is killed half-way, the resumed run loses a node: rows as of the local engine."""
    folder = make_odd_folder(tmp_path / "odd", PICTURES)
    source, local, rows = str(folder.path), tmp_path / "local.parquet", tmp_path / "rows"
    assert run_command("classify", source, "--output", str(local), **LIGHT).returncode == 1
    command = ["classify", source, "--engine=ray", f"--ray-address={cluster.address}"]
    command += [f"--output={rows}", f"--partition-size={max(PICTURES // 20, 1)}", "--resume"]
    with Program(*command, environ={**LIGHT, **ENVIRONMENT}) as driver:
        wait_until(lambda: len(parts_of(rows)) >= 4 or driver.process.poll() is not None)
        driver.process.send_signal(signal.SIGKILL)
        driver.process.wait()
    finished = parts_of(rows)
    assert 4 <= len(finished) < 20
    with Program(*command, environ={**LIGHT, **ENVIRONMENT}) as driver:
        wait_until(lambda: len(parts_of(rows)) >= 12 or driver.process.poll() is not None)
        cluster.kill_node()
        assert driver.process.wait(300) == 1, driver.printed
    assert {name: parts_of(rows)[name] for name in finished} == finished
    assert rows_of(rows / "part-*.parquet") == rows_of(local)
    assert {each.name for each in rows.iterdir() if not each.name.startswith("part-")} == {
        "_list",
        "_run.json",
    }


def test_killed_actor_and_node_cost_no_task(
    running_bridge: RunningBridge, cluster: RayCluster
) -> None:
    """What they were doing is done by others; the worker itself goes on."""
    cluster.add_node()
    api = running_bridge.api
    flags = ("--engine", "ray", "--ray-address", cluster.address, "--worker", "cluster")
    environ = {**LIGHT, **ENVIRONMENT}
    with Program("work", "--taskbridgeurl", running_bridge.url, *flags, environ=environ) as worker:
        worker.wait_for("works for ")
        added = [api.add({}, make_picture(number)) for number in range(PICTURES)]
        wait_until(lambda: api.statuses().get("completed", 0) >= PICTURES // 4)
        os.kill(find_actors()[0], signal.SIGKILL)
        wait_until(lambda: api.statuses().get("completed", 0) >= PICTURES // 2)
        cluster.kill_node()
        wait_until(lambda: api.statuses() == {"completed": PICTURES})
        assert all(api.result(task_id)["predictions"] for task_id in added)
        assert worker.stop() == 0
    assert "an actor is replaced" in worker.printed


def find_actors() -> list[int]:
    """Processes of actors that answer tasks."""
    return [
        process.pid
        for process in psutil.process_iter()
        if process.name().startswith("ray::TaskActor")
    ]


def test_an_object_store_is_source_and_destination(
    tmp_path: Path, store: dict[str, str], cluster: RayCluster
) -> None:
    """Odd keys, a broken object, one that is too large to be read, and one that is gone."""
    pictures = {f"{number % 3}/#? {number}.png": make_picture(number) for number in range(12)}
    pictures["broken.png"] = make_picture(12)[:100]
    pictures["large.png"] = bytes(256 * 2**20 + 1)
    with running_store(store) as bucket:
        for name, content in {**pictures, ".hidden": b"x"}.items():
            with bucket.open_output_stream(f"bucket/in/{name}") as file:
                file.write(content)
        for name in pictures:
            bucket.copy_file(f"bucket/in/{name}", f"bucket/again/{name}")
        command = ["classify", "--engine=ray", f"--ray-address={cluster.address}"]
        command += ["--max-actors=1", "--partition-size=5", "--output=s3://bucket/out"]
        environ = {**LIGHT, **ENVIRONMENT, **store}
        ended = run_command(*command, "s3://bucket/in", **environ)
        assert ended.returncode == 1, ended.stderr
        assert "12 classified, 2 failed (1 damaged, 1 too_large), 1 skipped" in ended.stderr
        walked = stored_rows(bucket, tmp_path / "walked")
        paths = [f"s3://bucket/{folder}/{name}" for folder in ("in", "again") for name in pictures]
        write_list(tmp_path / "list.parquet", [*paths, "s3://bucket/again/gone.png"])
        listed = (f"--files-from={tmp_path / 'list.parquet'}", "--resume")
        ended = run_command(*command, *listed, **environ)
        assert ended.returncode == 1, ended.stderr
        assert "14 files are there already" in ended.stderr
        told = "12 classified, 3 failed (1 damaged, 1 too_large, 1 file_missing), 14 were there"
        assert told in ended.stderr
        both = stored_rows(bucket, tmp_path / "both")
    assert sorted(both) == sorted([*paths, "s3://bucket/again/gone.png"])
    assert {path: both[path] for path in walked} == walked
    for path, (*row, modified) in walked.items():
        *copied, copied_modified = both[path.replace("/in/", "/again/")]
        assert copied == row
        assert copied_modified >= modified
    assert both["s3://bucket/again/gone.png"][1] == "file_missing"


@contextlib.contextmanager
def running_store(environ: dict[str, str]) -> Iterator[Any]:
    """A server of S3 with an empty bucket, as a file system of pyarrow."""
    python = os.environ.get("CLASSIFYIMAGE_MOTO", str(ROOT / ".venv-moto/bin/python"))
    if not Path(python).exists():
        assert os.environ.get("CI") != "true", f"{python} has to be there: ./test.sh --all"
        pytest.skip("there is no Python with moto, an S3 server: ./test.sh --all makes one")
    address = environ["AWS_ENDPOINT_URL"]
    port = int(address.rpartition(":")[2])
    server = [python, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(server, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: answers(port) or process.poll() is not None)
            bucket = importlib.import_module("pyarrow.fs").S3FileSystem(
                access_key=environ["AWS_ACCESS_KEY_ID"],
                secret_key=environ["AWS_SECRET_ACCESS_KEY"],
                region=environ["AWS_DEFAULT_REGION"],
                endpoint_override=address,
                allow_bucket_creation=True,
            )
            bucket.create_dir("bucket")
            yield bucket
        finally:
            process.kill()


def stored_rows(bucket: Any, folder: Path) -> dict[str, tuple[Any, ...]]:
    """The rows that a run has left in the bucket, by path; `modified` comes last."""
    fs = importlib.import_module("pyarrow.fs")
    folder.mkdir()
    for info in bucket.get_file_info(fs.FileSelector("bucket/out")):
        if info.base_name.startswith("part-"):
            with bucket.open_input_stream(info.path) as file:
                (folder / info.base_name).write_bytes(file.read())
    rows = rows_of(folder / "*.parquet")
    return {path: (*others[:4], *others[5:], others[4]) for path, *others in rows}


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def write_list(path: Path, paths: list[str]) -> None:
    duckdb.execute(f"COPY (SELECT unnest(?) AS path) TO '{path}' (FORMAT parquet)", [paths])
