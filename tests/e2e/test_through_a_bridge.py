"""Pictures of this machine that a bridge's workers classify: `classify --taskbridgeurl`, Python."""

import json
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from support.programs import COMMAND, RunningBridge, clean_environment, run_command
from support.small_worker import small_worker
from support.working import coloured_picture
from taskworker_classifyimage import BridgeClient, UserError
from taskworker_classifyimage.local.rows import Row


def fill(folder: Path, count: int) -> dict[str, str]:
    """Different pictures; the class of each by its path."""
    folder.mkdir()
    source, classes = random.Random(3), {}
    for number in range(count):
        best, picture = coloured_picture(source)
        path = folder / f"{number}.bmp"
        path.write_bytes(picture)
        classes[str(path)] = best
    return classes


def best_of(row: Row) -> object:
    predictions = row.result["predictions"]
    assert isinstance(predictions, list)
    return predictions[0]["class"]


def test_a_folder_is_classified_by_the_workers_of_a_bridge(
    running_bridge: RunningBridge, tmp_path: Path
) -> None:
    """Rows as without a bridge; nothing is left on the bridge."""
    classes = fill(tmp_path / "pictures", 40)
    (tmp_path / "pictures" / "text").write_text("no picture")
    flags = ("--taskbridgeurl", running_bridge.url, "--top", "1")
    with small_worker(running_bridge.url):
        ended = run_command("classify", *flags, str(tmp_path / "pictures"))
    rows = {row.path: row for row in map(Row.from_json, ended.stdout.encode().splitlines())}
    assert rows.pop(str(tmp_path / "pictures" / "text")).status == "not_a_picture"
    assert {path: best_of(row) for path, row in rows.items()} == classes
    assert ended.returncode == 0
    assert running_bridge.api.json("GET", "tasks/list/") == []


def test_a_run_through_a_bridge_goes_on_after_a_kill(
    running_bridge: RunningBridge, tmp_path: Path
) -> None:
    """Its rows are kept, and the tasks that it left on the bridge are removed."""
    classes, output = fill(tmp_path / "pictures", 120), tmp_path / "rows.jsonl"
    flags = ("--taskbridgeurl", running_bridge.url, "--output", str(output))
    command = [*COMMAND, "classify", *flags, str(tmp_path / "pictures")]
    part = Path(f"{output}.part")
    with small_worker(running_bridge.url):
        process = subprocess.Popen(command, env=clean_environment(), stderr=subprocess.DEVNULL)
        while not part.exists() or part.read_bytes().count(b"\n") < 20:
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        left = running_bridge.api.json("GET", "tasks/list/")
        ended = run_command(*command[len(COMMAND) :], "--resume")
    assert ended.returncode == 0
    rows = [Row.from_json(line) for line in output.read_bytes().splitlines()]
    assert {row.path: best_of(row) for row in rows} == classes
    assert len(rows) == len(classes)
    # Those stay whose adding the kill has cut off before it was answered.
    assert len(running_bridge.api.json("GET", "tasks/list/")) < len(left)


def test_a_worker_s_address_in_the_environment_sends_no_picture_away(
    running_bridge: RunningBridge, tmp_path: Path
) -> None:
    """Only the flag does."""
    fill(tmp_path / "pictures", 1)
    ended = run_command(
        "classify",
        str(tmp_path / "pictures"),
        taskbridgeurl=running_bridge.url,
        model="EfficientNetLite0",
    )
    assert json.loads(ended.stdout)["model"] == "EfficientNetLite0"


def test_a_program_submits_pictures_and_waits(
    running_bridge: RunningBridge, tmp_path: Path
) -> None:
    classes = fill(tmp_path / "pictures", 40)
    with BridgeClient(running_bridge.url, top=1) as client:
        ids = {client.submit(path): path for path in classes}
        unsuited = client.submit(b"a text")
        with pytest.raises(TimeoutError):
            client.wait(unsuited, timeout_s=0.1)
        with small_worker(running_bridge.url):
            assert client.wait(unsuited).code == "unsupported_format"
            results = dict(client.results(ids))
    assert {
        ids[each]: result.best and result.best.class_id for each, result in results.items()
    } == classes
    assert running_bridge.api.json("GET", "tasks/list/") == []


def test_a_program_is_told_what_is_wrong(running_bridge: RunningBridge) -> None:
    with BridgeClient(running_bridge.url) as client:
        with pytest.raises(LookupError, match="the bridge does not know the task"):
            client.wait("x")
        with pytest.raises(FileNotFoundError):
            client.submit("/no/such/file")
        task_id = client.submit(b"1")
        client.remove(task_id)
        client.remove(task_id)
        with pytest.raises(LookupError):
            client.wait(task_id)
    for url, options in (("nonsense", {}), (running_bridge.url, {"top": 0})):
        with pytest.raises(UserError):
            BridgeClient(url, **options)  # type: ignore[arg-type] # that is what is tested
