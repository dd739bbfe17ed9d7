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
from support.programs import Program, RunningBridge, free_port, run_command
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
def cluster() -> Iterator[RayCluster]:
    """Of three nodes."""
    need("ray", "pandas", "pyarrow")
    with running_cluster(3) as started:
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


def test_an_object_store_is_source_and_destination(tmp_path: Path) -> None:
    """Odd keys, a broken object, one that is too large to be read, and one that is gone."""
    need("ray", "pandas", "pyarrow")
    if (python := os.environ.get("CLASSIFYIMAGE_MOTO")) is None:
        pytest.skip("CLASSIFYIMAGE_MOTO names no Python with moto, an S3 server")
    fs = importlib.import_module("pyarrow.fs")
    port = free_port()
    environ = {
        **LIGHT,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "PYTHONWARNINGS": "default",
    }
    server = [python, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(server, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: answers(port))
            store = fs.S3FileSystem(
                access_key="test",
                secret_key="test",
                region="us-east-1",
                endpoint_override=environ["AWS_ENDPOINT_URL"],
                allow_bucket_creation=True,
            )
            store.create_dir("bucket")
            pictures = {
                f"{number % 3}/#? {number}.png": make_picture(number) for number in range(12)
            }
            pictures["broken.png"] = make_picture(12)[:100]
            pictures["large.png"] = bytes(256 * 2**20 + 1)
            for name, content in {**pictures, ".hidden": b"x"}.items():
                with store.open_output_stream(f"bucket/in/{name}") as file:
                    file.write(content)
            paths = [f"s3://bucket/in/{number % 3}/#? {number}.png" for number in range(12)]
            others = [f"s3://bucket/in/{name}.png" for name in ("broken", "large", "gone")]
            write_list(tmp_path / "list.parquet", [*paths, *others])
            command = ["classify", "--engine=ray", "--partition-size=5"]
            ended = run_command(*command, "--output=s3://bucket/out", "s3://bucket/in", **environ)
            assert ended.returncode == 1, ended.stderr
            assert "12 classified, 2 failed (1 damaged, 1 too_large), 1 skipped" in ended.stderr
            again = [*command, "--output=s3://bucket/out", "s3://bucket/in", "--resume"]
            ended = run_command(*again, **environ)
            assert "0 classified, 14 were there already, 1 skipped" in ended.stderr
            listed = [*command, f"--output={tmp_path / 'listed'}"]
            ended = run_command(*listed, f"--files-from={tmp_path / 'list.parquet'}", **environ)
            told = "12 classified, 3 failed (1 damaged, 1 too_large, 1 file_missing)"
            assert told in ended.stderr
            (tmp_path / "stored").mkdir()
            for number in range(3):
                with store.open_input_stream(f"bucket/out/part-{number:08}.parquet") as file:
                    (tmp_path / "stored" / f"{number}.parquet").write_bytes(file.read())
        finally:
            process.kill()
    stored = rows_of(tmp_path / "stored" / "*.parquet")
    assert sorted(row[0] for row in stored) == sorted([*paths, *others[:2]])
    listed_rows = {row[0]: row for row in rows_of(tmp_path / "listed" / "part-*.parquet")}
    assert [listed_rows[row[0]] for row in stored] == stored
    assert listed_rows[others[2]][2] == "file_missing"


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def write_list(path: Path, paths: list[str]) -> None:
    duckdb.execute(f"COPY (SELECT unnest(?) AS path) TO '{path}' (FORMAT parquet)", [paths])
