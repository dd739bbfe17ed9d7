import os
import sys

import pytest

from taskworker_classifyimage.sandbox import interpreter
from taskworker_classifyimage.sandbox.lockdown import ProcessLimits


def test_arguments_arrive_as_they_were_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """The new process reads them from its command line."""
    limits = ProcessLimits(0.1, 2**31)
    command = interpreter.build_command("spawning", "module:name", limits)
    assert command[:4] == [
        *(sys.executable, "-P", "-m", "taskworker_classifyimage.sandbox.spawning")
    ]
    monkeypatch.setattr(sys, "argv", ["program", *command[4:]])
    assert interpreter.read_arguments() == ("module:name", limits)


def test_secrets_do_not_reach_the_new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """In whatever case their names are written; all else does."""
    for name in ("taskbridgeurl", "TASKBRIDGEAUTH", "BridgeToken", "PLAIN"):
        monkeypatch.setenv(name, "text")
    environ = interpreter.build_environment()
    assert environ["PLAIN"] == "text"
    assert {"taskbridgeurl", "taskbridgeauth", "bridgetoken"}.isdisjoint(map(str.lower, environ))
    assert set(filter(None, sys.path)) <= set(environ["PYTHONPATH"].split(os.pathsep))
