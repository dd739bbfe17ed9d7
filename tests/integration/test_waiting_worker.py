"""A worker whose take waits at the embedded bridge."""

import random
from pathlib import Path

import pytest

from support.api import Api
from support.in_process import serving
from support.packs import colour_network, write_pack
from support.waiting import wait_until
from support.working import coloured_picture, working
from taskworker_classifyimage.bridge_client.connection import CallLimits
from taskworker_classifyimage.bridge_server import routes
from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.classify.loader import load_classifiers
from taskworker_classifyimage.worker import worker

NEVER_S = 1e6


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> list[Classifier]:
    pack = write_pack(tmp_path_factory.mktemp("colours") / "pack", colour_network())
    return list(load_classifiers([str(pack)]))


@pytest.fixture(autouse=True)
def without_polling(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that finds nothing the first time asks only once more, and waits."""
    monkeypatch.setattr(worker, "_WAIT_S", NEVER_S)
    monkeypatch.setattr(routes, "LONGEST_S", NEVER_S)


PATIENT = CallLimits(silence_s=2 * NEVER_S)


def test_pictures_that_are_added_one_by_one_wake_the_worker(
    tmp_path: Path, colours: list[Classifier]
) -> None:
    with serving(tmp_path) as served, working(served.url, colours, calls=PATIENT):
        api, source = Api(served.url), random.Random(1)
        for _ in range(5):
            wait_until(lambda: served.server.waiting.takes == 1)
            right, picture = coloured_picture(source)
            task_id = api.add({"numberofpredictions": 1}, picture)
            assert api.wait_for_result(task_id)["predictions"][0]["class"] == right


def test_a_stop_does_not_wait_for_a_take_that_waits(
    tmp_path: Path, colours: list[Classifier], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_DRAIN_S", NEVER_S)
    with serving(tmp_path) as served:
        with working(served.url, colours, calls=PATIENT):
            wait_until(lambda: served.server.waiting.takes == 1)
        wait_until(lambda: served.server.waiting.takes == 0)
        task_id = Api(served.url).add({}, b"")
        assert served.status(task_id) == "open"
