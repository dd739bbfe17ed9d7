import io

import numpy as np
from PIL import Image

from support.photos import ESPRESSO, labelled_photos, synset_of
from support.programs import RunningBridge, worker


def jpeg_of_noise(number: int) -> bytes:
    """A picture that shows nothing, different for each number."""
    noise = np.random.default_rng(number).integers(0, 256, (400, 300, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "JPEG")
    return buffer.getvalue()


def test_the_packaged_picture_is_classified_in_german(running_bridge: RunningBridge) -> None:
    """Add, take, fetch, decode, infer, report, with the data that the IPED client sends."""
    api = running_bridge.api
    task_id = api.add({"targetlanguage": "de", "numberofpredictions": "3"}, ESPRESSO)
    with worker(running_bridge.url):
        result = api.wait_for_result(task_id)
    assert "error" not in result
    assert [type(result[key]) for key in ("duration", "version", "library", "model")] == [
        float,
        str,
        str,
        str,
    ]
    predictions = result["predictions"]
    assert len(predictions) == 3
    assert predictions[0]["class"] == "n07920052"
    assert predictions[0]["name"] == "Espresso"
    assert 0.5 < predictions[0]["probability"] <= 1
    assert predictions[0]["probability"] > predictions[1]["probability"]


def test_a_hundred_photographs(running_bridge: RunningBridge) -> None:
    """All are completed, at least 88 of 100 rightly, and nothing is left in progress."""
    photos = labelled_photos()
    api = running_bridge.api
    ids = {photo: api.add({"numberofpredictions": 1}, photo.read_bytes()) for photo in photos}
    with worker(running_bridge.url):
        results = {photo: api.wait_for_result(task_id) for photo, task_id in ids.items()}
    right = sum(
        result["predictions"][0]["class"] == synset_of(photo) for photo, result in results.items()
    )
    assert right >= 0.88 * len(photos)
    assert api.statuses() == {"completed": len(photos)}


def test_the_same_pixels_get_the_same_bits_whatever_else_is_in_flight(
    running_bridge: RunningBridge,
) -> None:
    """Alone, among others, or among its own copies: not one digit differs."""
    api = running_bridge.api
    with worker(running_bridge.url, "w", "--in-flight", "8"):
        alone = api.wait_for_result(api.add({}, ESPRESSO))["predictions"]
        ids = []
        for number in range(20):
            # What follows a JPEG's end changes its hash and not its pixels, so no answer is reused.
            ids.append(api.add({}, ESPRESSO + b"%d" % number))
            api.add({"numberofpredictions": 1000}, jpeg_of_noise(number))
        among_others = [api.wait_for_result(task_id)["predictions"] for task_id in ids]
    assert among_others == [alone] * 20


def test_a_picture_that_comes_again_gets_the_same_answer(running_bridge: RunningBridge) -> None:
    """Answers are reused by content; language and count are each task's own."""
    api = running_bridge.api
    ids = [
        api.add({"targetlanguage": language, "numberofpredictions": count}, ESPRESSO)
        for language, count in [("en", 1), ("de", 3), ("en", 5)] * 5
    ]
    with worker(running_bridge.url) as program:
        results = [api.wait_for_result(task_id)["predictions"] for task_id in ids]
        program.stop()
    assert [len(result) for result in results] == [1, 3, 5] * 5
    assert {result[0]["probability"] for result in results} == {results[0][0]["probability"]}
    assert {result[0]["name"] for result in results} == {"espresso", "Espresso"}
    assert "15 classified, 14 of them seen before" in program.printed
