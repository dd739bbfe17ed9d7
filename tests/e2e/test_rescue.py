import json
import time
from pathlib import Path

import pytest

from support.api import Api
from support.in_process import serving
from support.programs import Program, RunningBridge
from support.proxy import Exchange, Fault, FaultyProxy
from support.raw_http import whole_answer
from support.small_worker import small_worker
from taskworker_classifyimage.bridge_server.server import Clocks


def take(api: Api, name: str) -> str:
    """As a worker does that dies right afterwards."""
    task_id = api.add({}, b"no picture")
    api.json("POST", "tasks/take/", {"type": "classifyimage", "worker": name})
    return task_id


def rescue(url: str, *flags: str) -> tuple[int, str]:
    with Program("rescue", "--taskbridgeurl", url, *flags) as program:
        code = program.wait()
    return code, program.printed


def test_stuck_tasks_are_listed_and_reopened(tmp_path: Path) -> None:
    """Only those that are old enough, of the worker that was named, and only when asked for."""
    a_minute_ago = Clocks(wall=lambda: time.time() - 60)
    with serving(tmp_path, clocks=a_minute_ago) as bridge:
        api, url = Api(bridge.url), bridge.url
        dead, other = take(api, "dead\x1b[2J"), take(api, "other")
        code, printed = rescue(url, "--older-than", "10m")
        assert (code, printed) == (0, "0 stuck, 0 reopened.\n")
        code, printed = rescue(url, "--older-than", "30s", "--dry-run")
        assert code == 0
        assert printed.endswith("2 stuck, 0 reopened.\n")
        # A worker's name is what its operator, or anybody, chose: no terminal obeys it.
        assert r"with 'dead\x1b[2J', silent for" in printed
        assert api.statuses() == {"inprogress": 2}
        code, printed = rescue(url, "--older-than", "30s", "--worker", "other")
        assert code == 0
        assert f"reopened '{other}'" in printed
        assert (api.status(dead), api.status(other)) == ("inprogress", "open")


@pytest.mark.parametrize(
    ("flags", "code", "text"),
    [
        (("--older-than", "soon"), 2, "must be a time such as 90s"),
        (("--older-than", "0s"), 2, "must be from 1s to 30d"),
        (("--older-than", "1m", "--taskbridgeurl", "http://127.0.0.1:9"), 1, "refused"),
    ],
)
def test_what_is_wrong_is_one_line(flags: tuple[str, ...], code: int, text: str) -> None:
    """A time that is none, and a bridge that is none."""
    ended, printed = rescue("http://127.0.0.1:9", *flags)
    assert ended == code
    assert text in printed
    assert printed.count("\n") == 1


def list_workers(exchange: Exchange) -> Fault | None:
    """One that asks for tasks all the time, however slow this machine is, and one that is gone."""
    if exchange.step != "workers":
        return None
    pings = [
        {"name": name, "type": "classifyimage", "status": "working", "lastping": ping_ms}
        for name, ping_ms in (("living", 100), ("dead", 3_600_000))
    ]
    return lambda exchange: exchange.answer(whole_answer(200, json.dumps(pings).encode()))


def test_a_worker_rescues_as_it_runs(running_bridge: RunningBridge) -> None:
    """The tasks of one that is silent, not of one that asks; they are done afterwards."""
    api = running_bridge.api
    living, dead = take(api, "living"), take(api, "dead")
    with (
        FaultyProxy(running_bridge.url, list_workers) as proxy,
        small_worker(proxy.url, "w", "--rescue-after", "1s") as program,
    ):
        assert api.wait_for_result(dead)["code"] == "unsupported_format"
        assert api.status(living) == "inprogress"
        program.wait_for(f"task '{dead}' of the silent worker 'dead' is reopened")
