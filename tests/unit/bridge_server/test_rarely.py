"""Log lines that anybody can cause are one a minute."""

import logging

import pytest

from support.clock import Clock
from taskworker_classifyimage.bridge_server.rarely import INTERVAL_S, RareLog


def test_a_line_is_logged_once_in_the_interval_and_the_rest_is_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    log = RareLog(logging.getLogger("test"), logging.ERROR, clock=clock)
    for _ in range(1000):
        log.write("full")
    clock.now_s += INTERVAL_S
    log.write("full")
    assert caplog.messages == ["full", "full not_logged=999"]


def test_several_lines_an_interval_are_logged_where_that_was_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    log = RareLog(logging.getLogger("test"), logging.ERROR, 2, clock=clock)
    for number in range(5):
        log.write(str(number))
    clock.now_s += INTERVAL_S
    log.write("later")
    assert caplog.messages == ["0", "1", "later not_logged=3"]
