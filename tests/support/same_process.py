"""Commands that run in the process of the tests, which saves a start of the program for each."""

import os
import signal
import subprocess
from collections.abc import Callable

import pytest

from support.logged import logging_restored
from support.programs import clean_environment
from taskworker_classifyimage.cli import main

#: Runs a command with arguments and further environment variables.
RunHere = Callable[..., subprocess.CompletedProcess[str]]


def runner(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> RunHere:
    """Runs commands with the environment of `Program`; undoes what a command changes globally."""

    def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        wanted = clean_environment(**environ)
        on_sigterm = signal.getsignal(signal.SIGTERM)
        capsys.readouterr()
        with monkeypatch.context() as patch, logging_restored():
            for name in set(os.environ) - set(wanted):
                patch.delenv(name)
            for name, text in wanted.items():
                patch.setenv(name, text)
            try:
                code = main(arguments)
            finally:
                signal.signal(signal.SIGTERM, on_sigterm)
        printed = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, code, printed.out, printed.err)

    return run
