"""`work --top` in a terminal, and where there is none."""

import re
import signal
import sys

import pytest

from support.programs import COMMAND, RunningBridge, free_port
from support.small_worker import any_picture, small_flags, small_worker
from support.terminal import Screen, terminal
from support.waiting import wait_until

on_unix = pytest.mark.skipif(sys.platform == "win32", reason="there is no pty")


def command(url: str, *flags: str) -> list[str]:
    return [
        *COMMAND,
        "work",
        "--taskbridgeurl",
        url,
        "--worker",
        "w",
        "--top",
        *small_flags(),
        *flags,
    ]


def last_view(screen: Screen) -> str:
    """What stands there at last: from the last line with the worker's name on."""
    return screen.text[screen.text.rindex("\nw  Colours") :]


@on_unix
def test_figures_are_live_and_the_log_goes_above_them(running_bridge: RunningBridge) -> None:
    api = running_bridge.api
    with terminal(command(running_bridge.url), 120) as screen:
        screen.wait_for("ready  bridge .*, last answer")
        picture = any_picture()
        for file in (picture, picture, any_picture(), b"no picture"):
            api.wait_for_result(api.add(file=file))
        screen.wait_for(r"3 classified \(1 of them seen before\), 1 unsupported_format")
        screen.wait_for(r"milliseconds +(\d+\.\d +)?\d+\.\d")
        # The one in the log is the first, the one in the view comes again and again.
        assert re.search(r"INFO +task '[^']+': unsupported_format", screen.text)
        wait_until(lambda: re.search(r"\d\d:\d\d:\d\d unsupported_format  task", last_view(screen)))
        wait_until(lambda: re.search(r"in flight +0 +0 +0 +0 +0 +0 of \d", last_view(screen)))
        assert "1 decoder; memory of worker and decoders: " in last_view(screen)
        screen.process.send_signal(signal.SIGTERM)
        assert screen.wait() == 0
    # The last thing is an ordinary line of the log, on a terminal that is as it was.
    assert screen.text.rstrip().endswith("stopped; 3 classified, 1 of them seen before; 1 failed")
    assert screen.shown.rindex("\x1b[?25h") > screen.shown.rindex("\x1b[?25l")


@on_unix
def test_a_bridge_that_is_away_is_shown() -> None:
    url = f"http://127.0.0.1:{free_port()}/"
    with terminal(command(url), 120) as screen:
        screen.wait_for(f"the bridge has not answered yet  bridge {url.rstrip('/')}\n")
        screen.wait_for("WARNING .* is unavailable")


@on_unix
def test_names_from_outside_do_not_reach_the_terminal(
    running_bridge: RunningBridge,
) -> None:
    """A task's data can hold control sequences, and its error repeats them."""
    with terminal(command(running_bridge.url), 120) as screen:
        data = {"targetlanguage": "\x1b]0;owned\x07\x1b[2Jx"}
        running_bridge.api.wait_for_result(running_bridge.api.add(data, any_picture()))
        screen.wait_for("bad_request  task")
        assert "\x1b]0" not in screen.shown
        assert "\x1b[2J" not in screen.shown


def test_without_a_terminal_it_says_so_and_works(running_bridge: RunningBridge) -> None:
    with small_worker(running_bridge.url, "w", "--top") as program:
        program.wait_for("--top needs a terminal, and standard output is none")
        task_id = running_bridge.api.add(file=any_picture())
        assert "error" not in running_bridge.api.wait_for_result(task_id)
        assert program.stop() == 0
