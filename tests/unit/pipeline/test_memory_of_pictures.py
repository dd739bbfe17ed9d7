"""How an engine finds out what a picture needs, with decoders that ask for what the test says."""

import asyncio
import gc
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from support.packs import colour_network, write_pack
from support.waiting import LONG_S
from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.classify.loader import load_classifiers
from taskworker_classifyimage.decode import Decoded, DecodeLimits, PictureFacts
from taskworker_classifyimage.errors import NeedsMemory, TooLarge
from taskworker_classifyimage.input_spec import InputSpec
from taskworker_classifyimage.pipeline.engine import ConcurrentEngine, Engine
from taskworker_classifyimage.pipeline.memory_budget import MemoryBudget
from taskworker_classifyimage.pipeline.timing import Timing

MIB = 2**20
TOTAL = 1024 * MIB
FACTS = PictureFacts("BMP", 1, 1, 1, "test")

Answers = Callable[[int, bool], int | None]


class Asking:
    """Decoders that need what `needs` says of (memory given, whether alone); 0: no more."""

    limits = DecodeLimits(memory_bytes=800 * MIB)

    def __init__(self, needs: Answers) -> None:
        self.given: list[tuple[int, bool]] = []
        self._needs = needs

    def decode(
        self,
        _encoded: bytes,
        spec: InputSpec,
        memory_bytes: int | None = None,
        *,
        is_alone: bool = True,
        thumbnail: bool = False,
    ) -> Decoded:
        assert memory_bytes is not None
        self.given.append((memory_bytes // MIB, is_alone))
        if (needed := self._needs(memory_bytes, is_alone)) != 0:
            raise NeedsMemory(needed, memory_bytes)
        return Decoded(np.zeros((spec.size, spec.size, 3), np.uint8), FACTS)


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    pack = write_pack(tmp_path_factory.mktemp("pack") / "pack", colour_network())
    return load_classifiers([str(pack)])[0]


@pytest.fixture
def compute() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


def answer(
    colours: Classifier, compute: ThreadPoolExecutor, needs: Answers, encoded: bytes = b"a picture"
) -> list[tuple[int, bool]]:
    """Answers one picture; returns what its decoder was given each time: MiB, whether alone."""
    decoders = Asking(needs)
    engine = ConcurrentEngine(Engine(colours, decoders), compute, MemoryBudget(TOTAL))
    asyncio.run(engine.answer(encoded, "its hash", Timing()))
    return decoders.given


def test_a_picture_gets_the_memory_that_its_header_asks_for(
    colours: Classifier, compute: ThreadPoolExecutor
) -> None:
    """A few kilobytes can decode to hundreds of megabytes."""
    given = answer(colours, compute, lambda given, _: 0 if given >= 300 * MIB else 300 * MIB)
    assert given == [(28, False), (300, False)]


def test_a_large_file_gets_more_at_once(colours: Classifier, compute: ThreadPoolExecutor) -> None:
    """One that is not compressed decodes to more than its own size."""
    given = answer(colours, compute, lambda *_: 0, bytes(20 * MIB))
    assert given == [(60, False)]


def test_a_picture_that_killed_a_decoder_is_decoded_again_alone(
    colours: Classifier, compute: ThreadPoolExecutor
) -> None:
    """It may have died for want of memory that others had; 896 MiB is all there is to decode."""
    given = answer(colours, compute, lambda _, is_alone: 0 if is_alone else None)
    assert given == [(28, False), (896, True)]


def test_a_decoder_that_asks_again_and_again_has_its_last_try_alone(
    colours: Classifier, compute: ThreadPoolExecutor
) -> None:
    """Only one that is taken over does that."""
    given = answer(colours, compute, lambda given, is_alone: 0 if is_alone else given + 1)
    assert given == [(28, False)] * 4 + [(896, True)]


@pytest.mark.parametrize("needed", [801 * MIB, 900 * MIB])
def test_more_than_there_is_for_one_picture_is_too_large(
    colours: Classifier, compute: ThreadPoolExecutor, needed: int
) -> None:
    """Whether a decoder may not take so much, or all of them together."""
    with pytest.raises(TooLarge, match=f"needs about {needed // MIB} MiB"):
        answer(colours, compute, lambda *_: needed)


def test_a_file_that_was_refused_is_not_kept_in_memory(
    colours: Classifier, compute: ThreadPoolExecutor
) -> None:
    """Else the errors of a few of them hold gigabytes until Python looks for circles."""
    encoded = bytes(bytearray(1000))
    before = sys.getrefcount(encoded)
    gc.disable()
    try:
        answer(colours, compute, lambda _, is_alone: 0 if is_alone else None, encoded)
        # Each of both threads has let go of what it did before.
        together = threading.Barrier(2)
        for waiting in [compute.submit(together.wait, LONG_S) for _ in range(2)]:
            waiting.result()
        assert sys.getrefcount(encoded) == before
    finally:
        gc.enable()


def test_waiting_for_memory_is_told(colours: Classifier, compute: ThreadPoolExecutor) -> None:
    """The task's clock stands still, and another task gets its slot."""
    waits: list[str] = []

    @contextmanager
    def waiting() -> Iterator[None]:
        waits.append("begin")
        yield
        waits.append("end")

    async def run() -> None:
        budget = MemoryBudget(TOTAL)
        engine = ConcurrentEngine(Engine(colours, Asking(lambda *_: 0)), compute, budget)
        other = await budget.acquire_decoding(None, 1)
        task = asyncio.create_task(engine.answer(b"a picture", "its hash", Timing(), waiting))
        await asyncio.sleep(0.01)
        assert waits == ["begin"]
        other.release()
        await task
        assert waits == ["begin", "end"]

    asyncio.run(run())


def test_a_thread_that_does_not_start_gives_its_memory_back(
    colours: Classifier, compute: ThreadPoolExecutor
) -> None:
    """A machine may be short of them for a while; what comes later must not wait for ever."""

    class Short(ThreadPoolExecutor):
        def submit(self, *_work: object, **_more: object) -> Any:
            raise RuntimeError("can't start new thread")

    async def run() -> None:
        budget, decoders = MemoryBudget(TOTAL), Asking(lambda *_: 0)
        with Short(1) as short:
            engine = ConcurrentEngine(Engine(colours, decoders), short, budget)
            with pytest.raises(RuntimeError, match="thread"):
                await engine.answer(b"a picture", "its hash", Timing(), is_alone=True)
        async with asyncio.timeout(LONG_S):
            engine = ConcurrentEngine(Engine(colours, decoders), compute, budget)
            await engine.answer(b"a picture", "its hash", Timing())

    asyncio.run(run())
