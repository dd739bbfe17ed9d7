import contextlib
import functools
import io
import os
import signal
import sys
from pathlib import Path

import pytest
from PIL import Image

from support.api import Api
from support.programs import Program, RunningBridge, bridge, free_port
from support.proxy import Exchange, Fault, FaultyProxy
from support.small_worker import any_picture, small_worker
from support.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other signals")


@functools.cache
def slow_picture() -> bytes:
    """A picture that takes a good part of a second to decode."""
    buffer = io.BytesIO()
    Image.effect_noise((3000, 2000), 50).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def wait_for_tasks(api: Api, status: str, count: int) -> None:
    wait_until(lambda: api.statuses().get(status, 0) >= count)


def hang_files(exchange: Exchange) -> Fault | None:
    return Exchange.hang if exchange.step == "file" else None


def in_flight(running: RunningBridge, count: int) -> Program:
    return small_worker(running.url, "w", "--in-flight", str(count))


def test_a_stop_leaves_nothing_in_progress(running_bridge: RunningBridge) -> None:
    """4 in flight, 8 queued: what is begun is finished or handed back, the rest stays open."""
    api = running_bridge.api
    picture = slow_picture()
    for _ in range(12):
        api.add({}, picture)
    with in_flight(running_bridge, 4) as program:
        wait_for_tasks(api, "inprogress", 4)
        assert program.stop(signal.SIGINT) == 0
        assert "Traceback" not in program.printed
    statuses = api.statuses()
    assert "inprogress" not in statuses
    assert statuses["open"] > 0
    assert sum(statuses.values()) == 12


def test_a_stop_while_a_model_is_loaded_is_none_too_early(tmp_path: Path) -> None:
    """A model may be large and its disk slow; Docker asks only once."""
    model = tmp_path / "model.zip"
    os.mkfifo(model)
    with Program("work", "--model", str(model)) as program:
        # As long as nobody reads the pipe, to open it without waiting fails.
        pipe: list[int] = []
        while not pipe:
            assert program.process.poll() is None, program.printed
            with contextlib.suppress(OSError):
                pipe.append(os.open(model, os.O_WRONLY | os.O_NONBLOCK))
        assert program.stop() == 0
        os.close(pipe[0])


def test_what_does_not_finish_in_time_is_handed_back(running_bridge: RunningBridge) -> None:
    """Downloads that hang cannot be waited for; their tasks are open again after the stop."""
    api = running_bridge.api
    for _ in range(6):
        api.add({}, any_picture())
    with (
        FaultyProxy(running_bridge.url, hang_files) as proxy,
        small_worker(proxy.url, "w", "--in-flight", "3") as program,
    ):
        wait_for_tasks(api, "inprogress", 3)
        assert program.stop() == 0
        assert proxy.steps["file"] > 0
    assert api.statuses() == {"open": 6}
    assert program.printed.count("is handed back") == 3


def test_a_killed_worker_takes_up_its_tasks_when_it_is_back(
    running_bridge: RunningBridge,
) -> None:
    """The next start under the same name does them all, and leaves a neighbour's alone."""
    api = running_bridge.api
    picture = slow_picture()
    theirs = api.add({}, any_picture())
    api.json("POST", "tasks/take/", {"type": "classifyimage", "worker": "neighbour"})
    ids = [api.add({"numberofpredictions": 1}, picture) for _ in range(8)]
    with in_flight(running_bridge, 4) as program:
        wait_for_tasks(api, "inprogress", 5)
        program.kill()
    assert api.statuses()["inprogress"] >= 5
    with in_flight(running_bridge, 4):
        results = [api.wait_for_result(task_id) for task_id in ids]
    assert len({result["predictions"][0]["class"] for result in results}) == 1
    assert api.statuses() == {"completed": 8, "inprogress": 1}
    assert api.status(theirs) == "inprogress"


def test_a_second_signal_ends_at_once(running_bridge: RunningBridge) -> None:
    """Who cannot wait need not."""
    api = running_bridge.api
    for _ in range(3):
        api.add({}, any_picture())
    with (
        FaultyProxy(running_bridge.url, hang_files) as proxy,
        small_worker(proxy.url, "w", "--in-flight", "3") as program,
    ):
        wait_for_tasks(api, "inprogress", 3)
        program.process.send_signal(signal.SIGTERM)
        program.wait_for("stopping")
        assert program.stop() == 130


def test_a_worker_without_a_bridge_stops_as_well() -> None:
    """Waiting for a bridge that is down must not keep a service from stopping, nor look odd."""
    with small_worker("http://127.0.0.1:9/") as program:
        program.wait_for("is unavailable")
        assert program.stop() == 0
    assert "stopped; 0 classified" in program.printed
    assert "Traceback" not in program.printed


def test_a_bridge_that_dies_and_comes_back_costs_no_task(tmp_path: Path) -> None:
    """One log line when it goes, one when it is back; hung, it keeps no worker from stopping."""
    port = free_port()
    api = Api(f"http://127.0.0.1:{port}/")
    picture = slow_picture()
    with bridge(tmp_path, port) as mortal:
        mortal.wait_for("Stop with")
        ids = [api.add({}, picture) for _ in range(4)]
        with small_worker(api.root) as program:
            wait_for_tasks(api, "completed", 1)
            mortal.kill()
            program.wait_for("is unavailable")
            with bridge(tmp_path, port) as risen:
                risen.wait_for("Stop with")
                for task_id in ids:
                    api.wait_for_result(task_id)
                assert api.statuses() == {"completed": 4}
                program.wait_for("is back")
                assert program.printed.count("is unavailable") == 1
                assert program.printed.count("is back") == 1
                # A stopped server process accepts connections and never answers.
                os.kill(risen.process.pid, signal.SIGSTOP)
                assert program.stop() == 0
