import multiprocessing
import sys

import pytest

from support.bombs import BOMBS, bomb
from support.decoding_child import SPEC, decode_bombs
from taskworker_classifyimage.decode import DecodeLimits, decode
from taskworker_classifyimage.errors import TaskError

MOST_MB = 200


def code_of(encoded: bytes) -> str:
    try:
        decode(encoded, SPEC, DecodeLimits())
    except TaskError as err:
        return str(err.code)
    return ""


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.timeout(30)
def test_a_bomb_is_refused_on_its_header(name: str) -> None:
    """With its own code; those that hide their harm behind a sound first picture are answered."""
    assert code_of(bomb(name)) == BOMBS[name][1]


@pytest.mark.skipif(sys.platform == "win32", reason="measures memory in Unix's way")
def test_bombs_take_little_memory() -> None:
    """All of them, one after another, in a process that had decoded nothing before."""
    context = multiprocessing.get_context("spawn")
    report: multiprocessing.Queue[float] = context.Queue()
    child = context.Process(target=decode_bombs, args=([bomb(name) for name in BOMBS], report))
    child.start()
    try:
        assert report.get(timeout=60) < MOST_MB
        child.join(10)
        assert child.exitcode == 0
    finally:
        child.kill()
