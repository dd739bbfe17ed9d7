import io
import os

import pytest
from PIL import Image

from support.photos import ESPRESSO
from support.programs import RunningBridge, worker
from support.small_worker import any_picture, small_worker
from support.waiting import wait_until

#: What is added (data, file) and how the task has to end: an error's code, or None for a result.
BAD_TASKS: dict[str, tuple[object, bytes | None, str | None]] = {
    "no data and no file": (None, None, "file_missing"),
    "count abc": ({"numberofpredictions": "abc"}, ESPRESSO, "bad_request"),
    "count 0": ({"numberofpredictions": 0}, ESPRESSO, "bad_request"),
    "count -1": ({"numberofpredictions": -1}, ESPRESSO, "bad_request"),
    "count is a list": ({"numberofpredictions": [3]}, ESPRESSO, "bad_request"),
    "language is a path": ({"targetlanguage": "../../etc/passwd"}, ESPRESSO, "bad_request"),
    "data is a list": (["de"], ESPRESSO, "bad_request"),
    "no file": ({"targetlanguage": "de"}, None, "file_missing"),
    "an empty file": ({}, b"", "empty_file"),
    "a text file": ({}, b"This is no picture.\n" * 50, "unsupported_format"),
    "a tenth of a picture": ({}, ESPRESSO[: len(ESPRESSO) // 10], "damaged"),
    "most of a picture": ({}, ESPRESSO[: len(ESPRESSO) * 9 // 10], None),
    "noise": ({}, os.urandom(5000), "unsupported_format"),
    "no data": (None, ESPRESSO, None),
    "count 10^9": ({"numberofpredictions": 10**9}, ESPRESSO, None),
    "unknown language": ({"targetlanguage": "xx"}, ESPRESSO, None),
}


def test_each_bad_task_ends_and_the_next_one_is_right(running_bridge: RunningBridge) -> None:
    """An error result with its code for each, and a right answer for the picture between them."""
    api = running_bridge.api
    ids = {}
    for name, (data, file, _) in BAD_TASKS.items():
        ids[name] = api.add(data, file)
        ids[f"after {name}"] = api.add({}, ESPRESSO)
    # The bridge has the task and answers 404 for its file.
    vanished = api.add({}, ESPRESSO)
    (running_bridge.data / "files" / vanished).unlink()
    with worker(running_bridge.url, "w", "--decoder-processes", "1") as program:
        assert api.wait_for_result(vanished)["code"] == "file_missing"
        results = {name: api.wait_for_result(task_id) for name, task_id in ids.items()}
        assert program.process.poll() is None
        assert "Traceback" not in program.printed
    for name, (_, _, code) in BAD_TASKS.items():
        assert results[name].get("code") == code, name
        assert ("error" in results[name]) == (code is not None), name
        assert results[name]["model"] == "EfficientNetLite2"
        assert results[f"after {name}"]["predictions"][0]["class"] == "n07920052", name
        if code is not None:
            assert results[name]["predictions"] == []
    assert len(results["count 10^9"]["predictions"]) == 1000
    assert len(results["no data"]["predictions"]) == 10
    assert results["unknown language"]["predictions"][0]["name"] == "espresso"
    assert "xx" in results["unknown language"]["warnings"][0]


def test_a_task_that_its_client_removes_is_dropped(running_bridge: RunningBridge) -> None:
    """The IPED client removes tasks; the worker's 404s are no errors and nothing stops."""
    api = running_bridge.api
    buffer = io.BytesIO()
    Image.effect_noise((3000, 2000), 50).save(buffer, "PNG", compress_level=1)
    # So many that some are still in progress when that is seen.
    ids = [api.add({}, buffer.getvalue() + bytes([number])) for number in range(16)]
    with small_worker(running_bridge.url) as program:
        wait_until(lambda: api.statuses().get("inprogress", 0) >= 2)
        for task_id in ids:
            api.remove(task_id)
        assert "error" not in api.wait_for_result(api.add({}, any_picture()))
        assert "ERROR" not in program.printed


@pytest.mark.parametrize("flag", ["--model", "--device"])
def test_a_wrong_setting_stops_the_start_with_one_line(
    running_bridge: RunningBridge, flag: str
) -> None:
    """The operator reads what is wrong; no task is taken by a worker that cannot answer."""
    with worker(running_bridge.url, "w", flag, "nonsense") as program:
        assert program.wait() == 2
    assert program.printed.count("\n") == 1
    assert "'nonsense'" in program.printed
