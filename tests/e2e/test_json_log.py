"""The log of whole programs as JSON lines: nothing else may be among them."""

import json
from pathlib import Path
from typing import Any

from support.programs import Program, RunningBridge, free_port
from support.same_process import RunHere
from support.small_worker import any_picture, small_flags, small_worker


def test_every_line_of_a_worker_is_json_and_every_task_has_its_steps(
    running_bridge: RunningBridge,
) -> None:
    """Whatever clients send."""
    api = running_bridge.api
    flags = ("--log-format", "json", "--verbose")
    with small_worker(running_bridge.url, "w", *flags) as program:
        good = api.add({"targetlanguage": "de"}, any_picture())
        bad = [
            api.add({"targetlanguage": '\n{"level": "error"}\x1b[2J'}, any_picture()),
            api.add(file=b"no picture"),
        ]
        for task_id in (good, *bad):
            api.wait_for_result(task_id)
        assert program.stop() == 0
        printed = program.printed
    lines = parse(printed)
    ends = {line["task"]: line for line in lines if "steps" in line}
    assert ends.keys() == {good, *bad}
    assert ends[good]["level"] == "debug"
    assert set(ends[good]["steps"]) >= {"fetch", "wait", "decode", "infer", "report"}
    assert [ends[task_id]["code"] for task_id in bad] == ["bad_request", "unsupported_format"]
    for line in ends.values():
        assert line["seconds"] >= sum(line["steps"].values()) - line["steps"].get("take", 0) - 0.01


def test_a_bridge_logs_json_as_well(tmp_path: Path) -> None:
    port = str(free_port())
    flags = ("--bridge-port", port, "--bridge-data", str(tmp_path), "--log-format", "json")
    with Program("bridge", *flags) as program:
        program.wait_for("bridge.started")
        program.wait_for("Stop with Ctrl-C.")
        assert program.stop() == 0
        log = [line for line in program.printed.splitlines() if line.startswith("{")]
    # The rest is for people: where the page is, on standard output.
    assert len(program.printed.splitlines()) == len(log) + 2
    assert parse("\n".join(log))[0]["message"].startswith("bridge.started url=")


def test_what_ends_the_program_is_the_last_line(run_here: RunHere, tmp_path: Path) -> None:
    """Where a log is collected, nobody looks at the rest of standard error."""
    url = f"http://127.0.0.1:{free_port()}/"
    flags = ("--taskbridgeurl", url, "--state", str(tmp_path), *small_flags()[2:])
    ended = run_here("work", *flags, "--model", str(tmp_path / "none"), "--log-format", "json")
    assert ended.returncode == 2
    (line,) = parse(ended.stderr)
    assert line["level"] == "error"
    assert str(tmp_path / "none") in line["message"]


def parse(printed: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in printed.splitlines()]
