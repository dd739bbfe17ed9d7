"""One task from fetch to report, with a real model and decoder and a bridge in memory."""

import errno
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from support.memory_bridge import MemoryBridge, StoredTask, bridge_of
from support.packs import colour_network, write_pack
from support.virtual_time import VirtualTimeThreads, run_in_virtual_time
from support.working import coloured_picture
from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.classify.loader import load_classifiers
from taskworker_classifyimage.decode import Decoded, DecodeLimits, decode
from taskworker_classifyimage.errors import (
    BridgeRejected,
    BridgeUnavailable,
    DecodersUnusable,
    MachineShort,
    TaskLeft,
    UserError,
)
from taskworker_classifyimage.input_spec import InputSpec
from taskworker_classifyimage.pipeline.engine import ConcurrentEngine, Engine
from taskworker_classifyimage.pipeline.handle import Handler
from taskworker_classifyimage.pipeline.memory_budget import MemoryBudget
from taskworker_classifyimage.pipeline.report import Reporter
from taskworker_classifyimage.pipeline.timing import Timing
from taskworker_classifyimage.pipeline.undelivered import UndeliveredResults
from taskworker_classifyimage.tasks import Task


class DecodersHere:
    """Decodes in this process, or raises what it is given."""

    limits = DecodeLimits(file_bytes=10_000)

    def __init__(self) -> None:
        self.error: Exception | None = None

    def decode(
        self,
        encoded: bytes,
        spec: InputSpec,
        memory_bytes: int | None = None,
        *,
        is_alone: bool = True,
        thumbnail: bool = False,
    ) -> Decoded:
        if self.error is not None:
            raise self.error
        return decode(encoded, spec, replace(self.limits, memory_bytes=memory_bytes))


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    pack = write_pack(tmp_path_factory.mktemp("pack") / "pack", colour_network())
    return load_classifiers([str(pack)])[0]


class Parts:
    """A handler with its collaborators."""

    def __init__(self, classifier: Classifier, folder: Path) -> None:
        self.decoders = DecodersHere()
        self.right, picture = coloured_picture(random.Random(1))
        self.client = MemoryBridge(
            a=StoredTask(status="inprogress", worker="w", file=picture),
        )
        self.compute = VirtualTimeThreads(1)
        bridge = bridge_of(self.client)
        self.reporter = Reporter(bridge, UndeliveredResults(folder))
        engine = ConcurrentEngine(
            Engine(classifier, self.decoders), self.compute, MemoryBudget(2**30)
        )
        self.handler = Handler(bridge, self.reporter, [engine], task_limit_s=600.0)

    @property
    def stored(self) -> StoredTask:
        return self.client.tasks_by_id["a"]

    @property
    def result(self) -> dict[str, object]:
        assert self.stored.result is not None
        return self.stored.result

    def handle(self, task: Task | None = None, timing: Timing | None = None) -> bool:
        doing = self.handler.handle(task or Task("a", {}), timing or Timing(0.1))
        return run_in_virtual_time(doing)


@pytest.fixture
def parts(colours: Classifier, tmp_path: Path) -> Iterator[Parts]:
    made = Parts(colours, tmp_path)
    yield made
    made.compute.shutdown()


def test_a_picture_is_classified_and_its_cost_is_told(parts: Parts) -> None:
    timing = Timing(0.1)
    assert parts.handle(timing=timing)
    predictions = parts.result["predictions"]
    assert isinstance(predictions, list)
    assert predictions[0]["class"] == parts.right
    assert timing.compute_s > 0
    assert parts.handler.figures.classified == 1


def test_an_equal_picture_costs_no_inference(parts: Parts) -> None:
    """Its decoder would fail by now."""
    parts.handle()
    parts.stored.status = "inprogress"
    parts.decoders.error = AssertionError("decoded twice")
    timing = Timing(0.1)
    assert parts.handle(timing=timing)
    assert "error" not in parts.result
    assert timing.compute_s == 0
    assert parts.handler.cache_hits == 1


@pytest.mark.parametrize(
    ("data", "file", "code"),
    [
        ({"numberofpredictions": "abc"}, b"x", "bad_request"),
        ({"model": "Other"}, b"x", "bad_request"),
        ({}, None, "file_missing"),
        ({}, b"", "empty_file"),
        ({}, b"no picture", "unsupported_format"),
    ],
)
def test_a_task_that_cannot_be_done_is_answered_with_its_code(
    parts: Parts, data: object, file: bytes | None, code: str
) -> None:
    parts.stored.file = file
    assert not parts.handle(Task("a", data))
    assert parts.result["code"] == code
    assert parts.result["predictions"] == []
    assert parts.handler.figures.failed == 1


def test_the_end_of_a_task_is_logged_with_the_seconds_of_its_steps(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    """At debug; a failure at info, with its code."""
    caplog.set_level("DEBUG", logger="taskworker_classifyimage")
    parts.handle()
    parts.stored.status, parts.stored.file = "inprogress", b"no picture"
    parts.handle()
    done, failed = caplog.records
    assert (done.levelname, failed.levelname) == ("DEBUG", "INFO")
    assert set(vars(done)["steps"]) == {"take", "fetch", "wait", "decode", "infer", "report"}
    assert vars(done)["steps"]["take"] == 0.1
    assert "(take 0.100, fetch 0." in done.getMessage()
    assert vars(failed)["code"] == "unsupported_format"
    assert set(vars(failed)["steps"]) == {"take", "fetch", "wait", "decode", "report"}


def test_a_fault_of_this_program_is_told_to_the_log_and_not_to_the_client(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    parts.decoders.error = ZeroDivisionError("secret detail")
    parts.handle()
    assert parts.result["code"] == "internal"
    assert parts.result["error"] == "internal error"
    assert "secret detail" in caplog.text


def test_an_operators_error_is_no_answer_to_a_task(parts: Parts) -> None:
    """Another worker can do the task."""
    parts.decoders.error = DecodersUnusable("no decoder starts")
    with pytest.raises(UserError):
        parts.handle()
    assert parts.stored.status == "inprogress"


def test_a_task_that_hangs_is_timed_out(parts: Parts) -> None:
    """The bridge answers, and its file never comes; the limit is shorter than all the retries."""
    parts.handler._task_limit_s = 5.0
    parts.client.fail("file", *[BridgeUnavailable("cut")] * 100)
    parts.handle()
    assert parts.result["code"] == "timed_out"


def test_a_removed_task_is_dropped(parts: Parts) -> None:
    del parts.client.tasks_by_id["a"]
    assert not parts.handle()
    assert parts.handler.figures.tasks["gone", ""] == 1


def test_a_resumed_task_gets_its_data_from_the_bridge(parts: Parts) -> None:
    parts.stored.data = {"numberofpredictions": 2}
    assert not parts.handle(Task("a", is_resumed=True))
    predictions = parts.result["predictions"]
    assert isinstance(predictions, list)
    assert len(predictions) == 2


def test_a_resumed_task_whose_result_is_kept_is_only_reported(parts: Parts) -> None:
    """The inference of an earlier run is not repeated."""
    run_in_virtual_time(parts.reporter.undelivered.keep("a", {"predictions": [], "duration": 1.0}))
    parts.handle(Task("a", is_resumed=True))
    assert parts.result == {"predictions": [], "duration": 1.0}
    assert "file" not in parts.client.calls


def test_a_refused_result_is_answered_with_an_error(parts: Parts) -> None:
    parts.client.fail("complete", BridgeRejected("too large", 413))
    parts.handle()
    assert parts.result["code"] == "internal"
    assert "refused" in str(parts.result["error"])


def test_a_bridge_that_refuses_every_result_leaves_the_task(parts: Parts) -> None:
    parts.client.fail("complete", *[BridgeRejected("no", 413)] * 2)
    with pytest.raises(TaskLeft):
        parts.handle()


def test_results_of_other_tasks_are_dropped(parts: Parts, tmp_path: Path) -> None:
    """After a restart only tasks that are still ours keep theirs."""

    async def run() -> None:
        for task_id in ("a", "b"):
            await parts.reporter.undelivered.keep(task_id, {})
        await parts.handler.drop_results_except(["a"])

    run_in_virtual_time(run())
    assert len(list(tmp_path.glob("*.json"))) == 1


def test_a_model_without_probabilities_fails_one_task(parts: Parts, colours: Classifier) -> None:
    """NaN cannot be written as JSON, and says nothing."""

    class Undefined:
        model, library, device, threads = colours.model, "l", "cpu", 1

        def probabilities(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
            return np.full((len(images), 3), np.nan)

    bridge = bridge_of(parts.client)
    engine = ConcurrentEngine(
        Engine(Undefined(), parts.decoders), parts.compute, MemoryBudget(2**30)
    )
    handler = Handler(bridge, parts.reporter, [engine], task_limit_s=600.0)
    run_in_virtual_time(handler.handle(Task("a", {}), Timing(0.1)))
    assert parts.result["code"] == "internal"


@pytest.mark.parametrize(
    ("error", "short_of"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "descriptors"),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), "processes"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "memory"),
        (RuntimeError("can't start new thread"), "threads"),
    ],
)
def test_a_shortage_of_the_machine_is_no_answer(
    parts: Parts, error: Exception, short_of: str
) -> None:
    """Neither by itself, nor as the reason why no decoder starts."""
    unusable = DecodersUnusable("no decoder starts")
    unusable.__cause__ = error
    for raised in (error, unusable):
        parts.decoders.error = raised
        with pytest.raises(MachineShort, match=short_of):
            parts.handle()
    assert parts.stored.result is None
