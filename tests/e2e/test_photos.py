import pytest

from support.photos import ESPRESSO, labelled_photos, synset_of
from support.programs import RunningBridge, worker


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


@pytest.mark.timeout(300)
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
