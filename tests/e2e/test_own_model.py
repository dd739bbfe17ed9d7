import io
from collections.abc import Iterator

import pytest
from PIL import Image

from support.api import Api
from support.in_process import serving
from support.packs import (
    IDS,
    colour_network,
    network_that_fails,
    network_without_answer,
    write_pack,
)
from support.programs import RunningBridge, worker
from taskworker_classifyimage.sample import SAMPLE, SAMPLE_SYNSET


@pytest.fixture(scope="module")
def running_bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBridge]:
    """A bridge with one worker, which has all models of these tests."""
    folder = tmp_path_factory.mktemp("own_models")
    packs = (
        write_pack(folder / "pack", colour_network()),
        write_pack(folder / "no_number", network_without_answer(), name="NoNumber"),
        write_pack(folder / "fails", network_that_fails(), name="Fails"),
    )
    models = ",".join(map(str, ("EfficientNetLite0", *packs)))
    flags = ("--model", models, "--decoder-processes", "1")
    with serving(folder / "bridge") as served, worker(f"{served.url}/", "w", *flags):
        yield RunningBridge(Api(served.url), f"{served.url}/", served.folder)


def test_a_pack_with_own_classes_runs_through_the_bridge(running_bridge: RunningBridge) -> None:
    """Three classes of one's own, named in two languages, without any code."""
    buffer = io.BytesIO()
    Image.new("RGB", (50, 30), (10, 20, 200)).save(buffer, "PNG")
    api = running_bridge.api
    data = {"model": "Colours"}
    german = api.add(
        {**data, "targetlanguage": "de", "numberofpredictions": "10"}, buffer.getvalue()
    )
    french = api.add({**data, "targetlanguage": "fr"}, buffer.getvalue())
    result = api.wait_for_result(german)
    assert [p["name"] for p in result["predictions"]] == ["Blaues", "Grünes", "Rotes"]
    assert result["predictions"][0]["class"] == "blue"
    assert result["model"] == "Colours"
    assert "warnings" not in result
    result = api.wait_for_result(french)
    assert result["predictions"][0]["name"] == "blue thing"
    assert "fr is not available" in result["warnings"][0]


@pytest.mark.parametrize(
    ("model", "error"),
    [
        # A float16 network may overflow and return NaN, which JSON cannot represent.
        ("NoNumber", "NoNumber gives no probabilities for this picture"),
        ("Fails", "Fails fails with this picture: "),
    ],
    ids=["no number", "fails"],
)
def test_a_model_without_an_answer_to_a_picture_ends_that_task_as_an_error(
    running_bridge: RunningBridge, model: str, error: str
) -> None:
    """The worker goes on with the next task."""
    api = running_bridge.api
    tasks = []
    for colour in ("white", "navy"):
        buffer = io.BytesIO()
        Image.new("RGB", (50, 30), colour).save(buffer, "PNG")
        tasks.append(api.add({"model": model}, buffer.getvalue()))
    result = api.wait_for_result(tasks[0])
    assert (result["code"], result["predictions"]) == ("internal", [])
    assert result["error"].startswith(error)
    assert api.wait_for_result(tasks[1])["predictions"][0]["class"] == "blue"


def test_a_task_chooses_among_the_models_of_a_worker(running_bridge: RunningBridge) -> None:
    """The model that it names, or the first one; a name that is not loaded is a bad request."""
    picture = SAMPLE.read_bytes()
    api = running_bridge.api
    silent = api.add({}, picture)
    first = api.add({"model": "EfficientNetLite0"}, picture)
    second = api.add({"model": "Colours"}, picture)
    unknown = api.add({"model": str(running_bridge.data.with_name("pack"))}, picture)
    assert api.wait_for_result(silent)["model"] == "EfficientNetLite0"
    assert api.wait_for_result(first)["predictions"][0]["class"] == SAMPLE_SYNSET
    result = api.wait_for_result(second)
    assert result["model"] == "Colours"
    assert len(result["predictions"]) == len(IDS)
    result = api.wait_for_result(unknown)
    assert (result["code"], result["predictions"]) == ("bad_request", [])
    assert "not loaded here; loaded: EfficientNetLite0, Colours" in result["error"]


def test_tasks_with_requirements_find_the_worker_that_meets_them(
    running_bridge: RunningBridge,
) -> None:
    """Any of its models and languages; a task that it cannot do stays open for others."""
    api, picture = running_bridge.api, SAMPLE.read_bytes()
    required: list[dict[str, str]] = [
        {},
        {"targetlanguage": "de"},
        {"targetlanguage": "en"},
        {"model": "Colours"},
        {"model": "EfficientNetLite0", "targetlanguage": "de"},
        {"device": "cpu", "model": "Colours", "targetlanguage": "en"},
    ]
    ids = [api.add({**each}, picture, requirements=each) for each in required]
    too_much = api.add({}, picture, requirements={"targetlanguage": "tlh"})
    for task_id, each in zip(ids, required, strict=True):
        result = api.wait_for_result(task_id)
        assert result["model"] == each.get("model", "EfficientNetLite0")
    assert api.status(too_much) == "open"
