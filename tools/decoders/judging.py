"""Judges what the product says of a file by what independent decoders show."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Final

import numpy as np

from decoders.programs import SIDE, Pixels, installed, show
from taskworker_classifyimage.decode import DecodeLimits, decode
from taskworker_classifyimage.errors import TaskError
from taskworker_classifyimage.input_spec import InputSpec

#: Two decoders agree if their pictures differ by no more than this, of 255, on average.
_AGREE: Final = 8.0
#: The product's picture is wrong if it differs by more than this from what two agree on.
_WRONG: Final = 20.0
#: A file is slow, or hungry, above these.
SLOW_S: Final = 2.0
HUNGRY_BYTES: Final = 500 * 2**20

RIGHT, REFUSED, WRONG_REFUSAL, WRONG_PIXELS, UNJUDGED = (
    *("right", "refused", "wrong refusal", "wrong pixels", "nobody to compare with"),
)
VERDICTS: Final = (RIGHT, REFUSED, WRONG_REFUSAL, WRONG_PIXELS, UNJUDGED)


@dataclass(slots=True)
class Finding:
    """What came of one file.

    Attributes:
        file: relative to the folder.
        verdict: one of `VERDICTS`.
        said: the warnings, or the code and message of a refusal.
        ours: the product's picture, if it has one.
        others: pictures by the names of programs.
        cpu_s: seconds of processor time that the product took.
        peak_bytes: most memory of the process while it decoded; 0 if unknown.
    """

    file: str
    verdict: str
    said: str
    ours: Pixels | None
    others: dict[str, Pixels] = field(default_factory=dict)
    cpu_s: float = 0.0
    peak_bytes: int = 0


def examine(folder: Path, file: Path, timeout_s: float) -> Finding:
    """Decodes a file with the product and with all programs."""
    encoded = file.read_bytes()
    _forget_peak()
    began = time.process_time()
    try:
        decoded = decode(encoded, InputSpec(SIDE, crop=None), DecodeLimits())
        ours, said = decoded.pixels, "; ".join(decoded.facts.warnings)
    except TaskError as err:
        ours, said = None, f"{err.code}: {err}"
    cpu_s, peak_bytes = time.process_time() - began, _peak_bytes()
    shown = {each.name: show(each, file, timeout_s) for each in installed()}
    others = {name: pixels for name, pixels in shown.items() if pixels is not None}
    verdict = judge(ours, others)
    if verdict == WRONG_REFUSAL and _is_documented(said):
        verdict = REFUSED
    return Finding(str(file.relative_to(folder)), verdict, said, ours, others, cpu_s, peak_bytes)


def judge(ours: Pixels | None, others: Mapping[str, Pixels]) -> str:
    """One of `VERDICTS`."""
    pairs = [(a, b) for a, b in combinations(others.values(), 2) if difference(a, b) <= _AGREE]
    if ours is None:
        return WRONG_REFUSAL if pairs else REFUSED
    if any(difference(ours, other) <= _AGREE for other in others.values()):
        return RIGHT
    if not pairs:
        return UNJUDGED
    nearest = min(min(difference(ours, a), difference(ours, b)) for a, b in pairs)
    return WRONG_PIXELS if nearest > _WRONG else RIGHT


def _is_documented(said: str) -> bool:
    """Whether a refusal names the kind of file; docs/pictures.md lists these."""
    return said.startswith("unsupported_format") and "no picture, or one" not in said


def difference(one: Pixels, other: Pixels) -> float:
    """The mean difference of colours, 0 to 255; fine detail does not count."""
    blocks = [
        each.astype(np.float64).reshape(24, SIDE // 24, 24, SIDE // 24, 3).mean(axis=(1, 3))
        for each in (one, other)
    ]
    return float(np.abs(blocks[0] - blocks[1]).mean())


def _forget_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def _peak_bytes() -> int:
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return 0
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
