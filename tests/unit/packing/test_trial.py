"""A library that crashes on a file takes a child with it, not the program."""

import os
import signal

import pytest

from taskworker_classifyimage.packing.trial import is_survived

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def fail() -> None:
    raise ValueError("an error, which the parent will meet, too")


def test_only_a_death_counts() -> None:
    """Not an answer, and not an error."""
    assert is_survived(lambda: 1)
    assert is_survived(fail)


@pytest.mark.parametrize("kind", [signal.SIGSEGV, signal.SIGABRT, signal.SIGALRM])
def test_a_death_is_seen(kind: signal.Signals) -> None:
    """By what signal so ever: a fault, a failed check, or the end of patience."""
    assert not is_survived(lambda: signal.raise_signal(kind))
