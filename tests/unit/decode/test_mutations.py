import contextlib
import multiprocessing
import os
import sys
import warnings

import pytest

from support.mutations import mutants
from taskworker_classifyimage.classify.model import InputSpec
from taskworker_classifyimage.decode import DecodeLimits, decode
from taskworker_classifyimage.errors import TaskError

SPEC = InputSpec(size=260, crop=0.875)
FILES = 2000
#: A mutated header may ask for as many pixels as are allowed: 4 bytes each, twice where one of two
#: attempts finds out what is missing, and the work on them.
LIMITS = DecodeLimits(pixels=20_000_000)
MOST_GROWTH_MB = 500


def decode_mutants(count: int, report: "multiprocessing.Queue[tuple[list[str], float]]") -> None:
    """Runs in a process of its own: what else than a TaskError came, and how memory grew."""
    import resource  # noqa: PLC0415 - not on Windows

    warnings.simplefilter("ignore")
    # Decoders of TIFF remark on each odd file.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    surprises: list[str] = []
    start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name, encoded in mutants(count):
        try:
            with contextlib.suppress(TaskError):
                assert decode(encoded, SPEC, LIMITS).pixels.shape == (260, 260, 3)
        except Exception as err:  # noqa: BLE001 - any is a failure of this test
            surprises.append(f"{name}: {err!r}")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start
    report.put((surprises, grown / (2**20 if sys.platform == "darwin" else 2**10)))


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
