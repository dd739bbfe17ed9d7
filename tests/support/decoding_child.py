"""Decodes in a fresh process, so that its memory can be measured and a crash be seen."""

import contextlib
import multiprocessing
import os
import sys
import warnings
from typing import Final

from support.mutations import mutants
from taskworker_classifyimage.decode import DecodeLimits, decode
from taskworker_classifyimage.errors import TaskError
from taskworker_classifyimage.input_spec import InputSpec

SPEC: Final = InputSpec(size=260, crop=0.875)
#: A mutated header may ask for as many pixels as are allowed: 4 bytes each, twice where one of two
#: attempts finds out what is missing, and the work on them.
_LIMITS: Final = DecodeLimits(pixels=20_000_000)


def decode_bombs(files: list[bytes], report: "multiprocessing.Queue[float]") -> None:
    """Reports the growth of memory in MB."""
    import resource  # noqa: PLC0415 - not on Windows

    start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for encoded in files:
        with contextlib.suppress(TaskError):
            decode(encoded, SPEC, DecodeLimits())
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start
    report.put(grown / (2**20 if sys.platform == "darwin" else 2**10))


def decode_mutants(count: int, report: "multiprocessing.Queue[tuple[list[str], float]]") -> None:
    """Reports errors that are no `TaskError`, and the growth of memory in MB."""
    import resource  # noqa: PLC0415 - not on Windows

    warnings.simplefilter("ignore")
    # Decoders of TIFF print a warning for each odd file.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    surprises: list[str] = []
    start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name, encoded in mutants(count):
        try:
            with contextlib.suppress(TaskError):
                assert decode(encoded, SPEC, _LIMITS).pixels.shape == (260, 260, 3)
        except Exception as err:  # noqa: BLE001 - any is a failure of this test
            surprises.append(f"{name}: {err!r}")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start
    report.put((surprises, grown / (2**20 if sys.platform == "darwin" else 2**10)))
