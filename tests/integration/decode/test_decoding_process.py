"""Decoding in a fresh process, where its memory can be measured and a crash be seen."""

import multiprocessing
import sys

import pytest

from support.bombs import BOMBS, bomb
from support.decoding_child import decode_bombs, decode_mutants
from support.mutations import mutants

MAX_BOMBS_MB = 200
#: There are more in `test_mutated_files`, through a whole worker.
FILES = 120
MAX_GROWTH_MB = 500

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="measures memory in Unix's way")


def test_bombs_take_little_memory() -> None:
    """All of them, one after another, in a process that had decoded nothing before."""
    context = multiprocessing.get_context("spawn")
    report: multiprocessing.Queue[float] = context.Queue()
    child = context.Process(target=decode_bombs, args=([bomb(name) for name in BOMBS], report))
    child.start()
    try:
        assert report.get(timeout=60) < MAX_BOMBS_MB
        child.join(10)
        assert child.exitcode == 0
    finally:
        child.kill()


@pytest.mark.timeout(600)
def test_mutated_files_are_decoded_or_refused() -> None:
    """Bits flipped, cut, spliced, nested, absurd: pixels or an error for the client, no crash."""
    context = multiprocessing.get_context("spawn")
    report: multiprocessing.Queue[tuple[list[str], float]] = context.Queue()
    child = context.Process(target=decode_mutants, args=(FILES, report))
    child.start()
    try:
        child.join(500)
        assert child.exitcode == 0
        surprises, grown_mb = report.get(timeout=5)
    finally:
        child.kill()
    assert surprises == []
    assert grown_mb < MAX_GROWTH_MB


def test_mutants_are_always_the_same() -> None:
    """A failure found once is found again."""
    assert list(mutants(40)) == list(mutants(40))
    assert [file for _, file in mutants(40)] != [file for _, file in mutants(40, seed=2)]
