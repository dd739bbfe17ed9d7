"""Log lines, as text and as JSON; what comes from outside forges none."""

import json
import logging
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.logged import lines_in, logged
from taskworker_classifyimage import logs
from taskworker_classifyimage.logs import about_task

_log = logging.getLogger("taskworker_classifyimage.test")
#: Line ends of all kinds, an escape sequence, a zero byte, a bidirectional override, half a letter.
HOSTILE = "a\nb\r\nc\x0b\x85\u2028\x1b[2J\0\u202e\ud800"
#: The end of a line that looks like the next one.
FORGED = "x\n2026-01-01 00:00:00,000 INFO    forged"


def fail(message: str) -> None:
    try:
        raise ValueError(message)
    except ValueError:
        _log.exception("it failed")


@given(st.text() | st.sampled_from([HOSTILE, FORGED]))
def test_a_message_is_one_line_of_text(text: str) -> None:
    with logged("text") as stream:
        _log.info("task %s: %s", text, text)
    (line,) = lines_in(stream)
    assert line.isprintable()
    assert line[20:32].strip().endswith("INFO")


@given(st.text() | st.sampled_from([HOSTILE, FORGED]))
def test_a_message_is_one_json_object_and_arrives_unchanged(text: str) -> None:
    with logged("json") as stream:
        _log.info("task %s", text, extra=about_task(text, "fetch", 0.25))
    (line,) = lines_in(stream)
    told = json.loads(line)
    assert told["message"] == f"task {text}"
    assert (told["task"], told["step"], told["seconds"]) == (text, "fetch", 0.25)


@pytest.mark.parametrize("text", [HOSTILE, FORGED])
def test_a_traceback_forges_no_line_of_text(text: str) -> None:
    """An error's message may hold what a picture or a bridge has sent."""
    with logged("text") as stream:
        fail(text)
    first, *rest = lines_in(stream)
    assert first.endswith("it failed")
    assert [line for line in rest if not line.startswith("    ")] == []
    assert "".join(rest).isprintable()
    assert "ValueError" in "".join(rest)


def test_a_traceback_is_a_field_of_its_json_line() -> None:
    with logged("json") as stream:
        fail(FORGED)
    (line,) = lines_in(stream)
    assert json.loads(line)["exception"].endswith(f"ValueError: {FORGED}")


def test_a_json_line_has_time_level_and_logger() -> None:
    with logged("json") as stream:
        _log.warning("hello")
    (line,) = lines_in(stream)
    told = json.loads(line)
    assert set(told) == {"time", "level", "logger", "message"}
    assert (told["level"], told["logger"]) == ("warning", "taskworker_classifyimage.test")
    assert told["time"].endswith("Z")
    passed = datetime.now(UTC) - datetime.fromisoformat(told["time"])
    assert abs(passed) < timedelta(hours=1)


def test_what_is_said_while_a_task_is_worked_on_names_it() -> None:
    """Also what other parts say that do not know of tasks, such as the decoders."""
    with logged("json") as stream:
        token = logs.TASK.set(lambda: about_task("a", "decode", 0.5))
        _log.warning("a decoder ended")
        logs.TASK.reset(token)
        _log.warning("a decoder ended")
    within, outside = map(json.loads, lines_in(stream))
    assert (within["task"], within["step"], within["seconds"]) == ("a", "decode", 0.5)
    assert "task" not in outside


def test_libraries_that_complain_do_so_in_the_same_format() -> None:
    with logged("json") as stream:
        logging.getLogger("asyncio").error("Task exception was never retrieved")
        logging.getLogger("aiohttp.server").error("Error handling request")
    assert [json.loads(line)["logger"] for line in lines_in(stream)] == [
        "asyncio",
        "aiohttp.server",
    ]


def test_the_level_is_the_lowest_that_is_logged() -> None:
    with logged("text", "warning") as stream:
        _log.info("no")
        _log.warning("yes")
    (line,) = lines_in(stream)
    assert line.endswith("yes")
