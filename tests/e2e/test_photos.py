import io
import os
from typing import Any

import numpy as np
from PIL import Image

from support.photos import ESPRESSO, labelled_photos, synset_of
from support.programs import RunningBridge, worker

#: One of so many labelled photographs is classified; 1 for all.
PHOTO_STEP = int(os.environ.get("CLASSIFYIMAGE_PHOTO_STEP", "4"))


def jpeg_of_noise(number: int) -> bytes:
    """A picture that shows nothing, different for each number."""
    noise = np.random.default_rng(number).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "JPEG")
    return buffer.getvalue()


def test_the_packaged_picture_is_classified_again_and_again(running_bridge: RunningBridge) -> None:
    """With the data that the IPED client sends, and others; an answer is reused by content."""
    api = running_bridge.api
    ids = [
        api.add({"targetlanguage": language, "numberofpredictions": count}, ESPRESSO)
        for language, count in [("de", "3"), ("en", 1), ("en", 5)] * 5
    ]
    with worker(running_bridge.url, "w", "--decoder-processes", "1") as program:
        results = [api.wait_for_result(task_id) for task_id in ids]
        program.stop()
    check_german(results[0])
    check_reused([result["predictions"] for result in results])
    assert "15 classified, 14 of them seen before" in program.printed


def check_german(result: dict[str, Any]) -> None:
    """Three predictions, with the names and the class that are right."""
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


def check_reused(results: list[list[dict[str, Any]]]) -> None:
    """Language and count are each task's own."""
    assert [len(result) for result in results] == [3, 1, 5] * 5
    assert {result[0]["probability"] for result in results} == {results[0][0]["probability"]}
    assert {result[0]["name"] for result in results} == {"espresso", "Espresso"}


def test_photographs(running_bridge: RunningBridge) -> None:
    """All are completed, at least 88 % rightly, and nothing is left in progress."""
    photos = labelled_photos()[::PHOTO_STEP]
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
        for number in range(8):
            # What follows a JPEG's end changes its hash and not its pixels, so no answer is reused.
            ids.append(api.add({}, ESPRESSO + b"%d" % number))
            api.add({"numberofpredictions": 1000}, jpeg_of_noise(number))
        among_others = [api.wait_for_result(task_id)["predictions"] for task_id in ids]
    assert among_others == [alone] * 8
