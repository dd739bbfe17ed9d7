import multiprocessing
import sys

import pytest

from support.decoding_child import decode_mutants
from support.mutations import mutants

#: The end-to-end test has more, through the whole worker.
FILES = 500
MOST_GROWTH_MB = 500


@pytest.mark.skipif(sys.platform == "win32", reason="measures memory in Unix's way")
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
    assert grown_mb < MOST_GROWTH_MB


def test_mutants_are_always_the_same() -> None:
    """A failure found once is found again."""
    assert list(mutants(40)) == list(mutants(40))
    assert [file for _, file in mutants(40)] != [file for _, file in mutants(40, seed=2)]
