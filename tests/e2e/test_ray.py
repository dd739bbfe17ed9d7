"""`--engine ray`: the results of the local engine, whoever is killed."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from support.odd_folders import make_odd_folder
from support.programs import Program, run_command
from support.ray_cluster import ENVIRONMENT, need, running_cluster
from support.waiting import wait_until

pytestmark = [
    pytest.mark.large,
    pytest.mark.skipif(sys.platform != "linux", reason="Ray has clusters on Linux only"),
]

#: More for a run by hand: CLASSIFYIMAGE_RAY_PICTURES=2000.
PICTURES = int(os.environ.get("CLASSIFYIMAGE_RAY_PICTURES", "60"))
LIGHT = {"model": "EfficientNetLite0"}


def rows_of(pattern: Path) -> list[Any]:
    columns = "path, status, code, error, size, modified, predictions, warnings, sha256"
    return duckdb.execute(f"SELECT {columns} FROM '{pattern}' ORDER BY path").fetchall()


def parts_of(folder: Path) -> dict[str, tuple[int, bytes]]:
    """The finished partitions: when each was written, and what it holds."""
    return {
        each.name: (each.stat().st_mtime_ns, each.read_bytes())
        for each in sorted(folder.glob("part-*.parquet"))
    }


def test_killed_driver_and_node_cost_no_picture(tmp_path: Path) -> None:
    """The driver is killed half-way, the resumed run loses a node: rows as of the local engine."""
    need("ray", "pandas", "pyarrow")
    folder = make_odd_folder(tmp_path / "odd", PICTURES)
    source, local, rows = str(folder.path), tmp_path / "local.parquet", tmp_path / "rows"
    assert run_command("classify", source, "--output", str(local), **LIGHT).returncode == 1
    with running_cluster(3) as cluster:
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
