"""SIGKILL at every step of a task, again and again; the worker is started anew each time.

Small in everyday runs. The environment makes it large, or has it run against another server:
CLASSIFYIMAGE_KILL_ROUNDS=20 CLASSIFYIMAGE_KILL_TASKS=200 CLASSIFYIMAGE_BRIDGE=http://host:port
"""

import io
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from support.api import Api
from support.in_process import serving
from support.photos import ESPRESSO
from support.programs import Program, worker
from support.proxy import Exchange, Fault, FaultyProxy
from support.raw_http import whole_answer
from support.waiting import wait_until
from taskworker_classifyimage.sample import SAMPLE_SYNSET

ROUNDS = int(os.environ.get("CLASSIFYIMAGE_KILL_ROUNDS", "1"))
TASKS = int(os.environ.get("CLASSIFYIMAGE_KILL_TASKS", "18"))
#: A real network, so that there is time to be killed while it infers.
FLAGS = ("--model", "EfficientNetLite0", "--decoder-processes", "1")
FOREIGN = os.environ.get("CLASSIFYIMAGE_BRIDGE", "")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")

#: Files above this take long to decode, those below hardly any time beside the network's.
LARGE_BYTES = 2**20
#: A worker is killed at one of so many calls of a kind; no more than it certainly has tasks.
LATEST = max(1, min(4, TASKS // 9))

Kill = Callable[[], None]


@dataclass(frozen=True)
class Stage:
    """A moment in a task's life: which call of the worker, which of them suits, what then."""

    step: str
    act: Callable[[Exchange, Kill], None]


def before(exchange: Exchange, kill: Kill) -> None:
    kill()
    exchange.cut()


def during(exchange: Exchange, kill: Kill) -> None:
    exchange.forward_part(len(exchange.request) - len(exchange.body) // 2)
    kill()
    exchange.cut()


def after(exchange: Exchange, kill: Kill) -> None:
    exchange.forward()
    kill()
    exchange.cut()


def during_answer(exchange: Exchange, kill: Kill) -> None:
    answer = exchange.forward()
    exchange.answer(answer[: len(answer) // 2])
    kill()
    exchange.cut()


def soon(earliest_s: float, latest_s: float) -> Callable[[Exchange, Kill], None]:
    def act(exchange: Exchange, kill: Kill) -> None:
        exchange.answer(exchange.forward())
        time.sleep(random.uniform(earliest_s, latest_s))
        kill()
        exchange.cut()

    return act


STAGES = {
    "take, before it reaches the bridge": Stage("take", before),
    "take, after the bridge gave a task": Stage("take", after),
    "fetch, before": Stage("file", before),
    "fetch, during": Stage("file", during_answer),
    "decode": Stage("large file", soon(0.02, 0.1)),
    "infer": Stage("file", soon(0.002, 0.03)),
    "complete, before": Stage("complete", before),
    "complete, during": Stage("complete", during),
    "complete, after": Stage("complete", after),
}
#: The same with several tasks in one call, which only the embedded bridge can do.
STAGES_OF_SEVERAL = {
    "take, after the bridge gave tasks": Stage("take", after),
    "take, while tasks and files arrive": Stage("take", during_answer),
    "complete, during": Stage("complete", during),
    "complete, after": Stage("complete", after),
}


class Killer:
    """Kills one worker once, at the stage that is set.

    Attributes:
        large: ids of tasks with large files.
        latest: it kills at one of so many calls of a kind.
        told: headers of the answers that it gives.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stage: Stage | None = None
        self._countdown = 0
        self._program: Program | None = None
        self.large: set[str] = set()
        self.latest = LATEST
        self.told: list[str] = []

    def arm(self, stage: Stage | None, program: Program | None) -> None:
        with self._lock:
            self._stage, self._program = stage, program
            is_large = stage is not None and stage.step == "large file"
            self._countdown = 0 if is_large else random.randrange(self.latest)

    def choose(self, exchange: Exchange) -> Fault | None:
        if exchange.step == "workers":
            # As a bridge that was restarted: or each new worker would first listen for a neighbour.
            return lambda exchange: exchange.answer(whole_answer(200, b"[]", *self.told))
        with self._lock:
            if self._stage is None or not self._suits(exchange, self._stage):
                return None
            if self._countdown:
                self._countdown -= 1
                return None
            act, self._stage = self._stage.act, None
        return lambda exchange: act(exchange, self._kill)

    def _suits(self, exchange: Exchange, stage: Stage) -> bool:
        is_large = exchange.step == "file" and exchange.task_id in self.large
        return stage.step == ("large file" if is_large else exchange.step)

    def _kill(self) -> None:
        assert self._program is not None
        self._program.process.kill()


def large_picture() -> bytes:
    """The sample, upright and as large as a camera's picture, in a format that is slow to read."""
    image = Image.open(io.BytesIO(ESPRESSO))
    buffer = io.BytesIO()
    image.resize((image.width * 3, image.height * 3)).save(buffer, "PNG", compress_level=1)
    assert buffer.tell() > LARGE_BYTES
    return buffer.getvalue()


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    if FOREIGN:
        yield FOREIGN
        return
    with serving(tmp_path) as served:
        yield served.url


@pytest.mark.timeout(600 + 300 * ROUNDS + ROUNDS * TASKS)
def test_a_kill_at_any_step_costs_no_task_and_doubles_none(url: str) -> None:
    """Every task is completed once, with the right answer, and none stays in progress."""
    large = large_picture()
    for number in range(ROUNDS):
        seed = random.randrange(2**32)
        random.seed(seed)
        print(f"round {number}, seed {seed}")
        kill_at_every_stage(url, large, STAGES)


@pytest.mark.skipif(bool(FOREIGN), reason="only the embedded bridge does several tasks at once")
@pytest.mark.timeout(600 + 300 * ROUNDS + ROUNDS * TASKS)
def test_a_kill_while_several_tasks_are_in_one_call_costs_none(url: str) -> None:
    """The same promise."""
    for number in range(ROUNDS):
        seed = random.randrange(2**32)
        random.seed(seed)
        print(f"round {number}, seed {seed}")
        kill_at_every_stage(url, None, STAGES_OF_SEVERAL)


def kill_at_every_stage(url: str, large: bytes | None, stages: dict[str, Stage]) -> None:
    """`large`: a large picture to add at each stage; None: the workers do several tasks at once."""
    api, killer, ids = Api(url), Killer(), set[str]()
    with FaultyProxy(url, killer.choose, is_open=large is None) as proxy:
        killer.told = proxy.told
        if large is None:
            # One call may be all that several tasks need.
            killer.latest = 1
        for name in random.sample(list(stages), len(stages)):
            # Each is another file, so none is answered from memory.
            for _ in range(TASKS // (len(stages) if large is not None else 2)):
                ids.add(api.add({}, ESPRESSO + random.randbytes(8)))
            if large is not None:
                killer.large.add(api.add({}, large + random.randbytes(8)))
                ids |= killer.large
            with worker(proxy.url, "mortal", *FLAGS) as program:
                killer.arm(stages[name], program)
                wait_until(lambda: program.process.poll() is not None)
        with worker(proxy.url, "mortal", *FLAGS) as program:
            killer.arm(None, None)
            wait_until(lambda: ids <= proxy.completed.keys())
            assert program.stop() == 0
            assert "Traceback" not in program.printed
        assert {task_id: len(proxy.completed[task_id]) for task_id in ids} == dict.fromkeys(ids, 1)
    for task_id in ids:
        result = api.result(task_id)
        assert result["predictions"][0]["class"] == SAMPLE_SYNSET
        assert "error" not in result
        assert api.status(task_id) == "completed"
        api.remove(task_id)
