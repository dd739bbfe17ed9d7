"""The Python interface with the real model and real decoders."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import taskworker_classifyimage
from support.photos import ESPRESSO
from support.programs import clean_environment
from support.waiting import LONG_S
from taskworker_classifyimage import AsyncClassifier, Classifier, Result, Source, UserError
from taskworker_classifyimage.sample import SAMPLE, SAMPLE_SYNSET

MODEL = "EfficientNetLite0"


@pytest.fixture(scope="module")
def classifier() -> Iterator[Classifier]:
    with Classifier(MODEL, language="de", top=3) as started:
        yield started


def test_the_public_names_are_these() -> None:
    """Whoever adds or removes one changes what other programs rely on."""
    assert taskworker_classifyimage.__all__ == [
        "AsyncClassifier",
        "BridgeClient",
        "Classifier",
        "Options",
        "Prediction",
        "Result",
        "Source",
        "UserError",
        "__version__",
    ]
    for name in taskworker_classifyimage.__all__:
        assert getattr(taskworker_classifyimage, name) is not None
        assert name in dir(taskworker_classifyimage)


def test_a_picture_is_the_same_as_path_bytes_image_and_array(classifier: Classifier) -> None:
    with Image.open(SAMPLE) as image:
        array = np.asarray(image)
        sources: list[Source] = [str(SAMPLE), SAMPLE, ESPRESSO, memoryview(ESPRESSO), image, array]
        results = [classifier.classify(source) for source in sources]
    for result in results:
        assert result.ok
        assert len(result.predictions) == 3
        assert (result.predictions[0].class_id, result.best and result.best.name) == (
            SAMPLE_SYNSET,
            "Espresso",
        )
        # Decoders scale large JPEGs down while they decode, which an array cannot.
        assert result.predictions[0].probability == pytest.approx(
            results[0].predictions[0].probability, abs=0.05
        )
    assert [result.source for result in results] == [str(SAMPLE)] * 2 + [None] * 4


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "CMYK", "I;16"])
def test_images_of_all_modes_are_taken(classifier: Classifier, mode: str) -> None:
    with Image.open(SAMPLE) as image:
        grey = image.convert("L")
        converted = grey.convert("I;16") if mode == "I;16" else image.convert(mode)
    assert classifier.classify(converted).ok


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 3), (20, 30, 4), (1, 1, 3)])
def test_arrays_of_these_shapes_are_taken(classifier: Classifier, shape: tuple[int, ...]) -> None:
    assert classifier.classify(np.zeros(shape, np.uint8)).ok


@pytest.mark.parametrize(
    "source",
    [3, None, np.zeros((20, 30)), np.zeros((2, 2, 2), np.uint8), np.zeros((0, 3), np.uint8)],
)
def test_what_is_no_picture_is_an_error_of_the_caller(
    classifier: Classifier, source: object
) -> None:
    with pytest.raises((TypeError, ValueError)):
        classifier.classify(source)  # type: ignore[arg-type] # that is what is tested


def test_errors_of_pictures_are_values(classifier: Classifier) -> None:
    """In order, and none of them stops the others."""
    sources: list[Source] = ["/no/such/file", b"", b"a text", ESPRESSO[:2000], ESPRESSO]
    results = list(classifier.classify_many(sources))
    assert [result.code for result in results] == [
        "file_missing",
        "empty_file",
        "unsupported_format",
        "damaged",
        None,
    ]
    assert str(results[0]) == "file_missing: the file cannot be read: No such file or directory"
    assert [result.ok for result in results] == [False, False, False, False, True]


def test_many_are_taken_a_few_ahead(classifier: Classifier) -> None:
    """An endless source costs no endless memory."""
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield ESPRESSO + b"%d" % taken

    results = classifier.classify_many(endless())
    for _ in range(5):
        assert next(results).ok
    assert taken <= 60
    results.close()  # type: ignore[attr-defined] # it is a generator


def test_a_folder_is_classified_in_the_order_of_names(
    classifier: Classifier, tmp_path: Path
) -> None:
    for name in ("b.jpg", "a.jpg", "c.txt", ".hidden.jpg"):
        (tmp_path / name).write_bytes(ESPRESSO)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.jpg").write_bytes(ESPRESSO)
    found = classifier.classify_folder(tmp_path, include=["*.jpg"])
    paths = [Path(str(result.source)).relative_to(tmp_path).as_posix() for result in found]
    assert paths == ["a.jpg", "b.jpg", "deep/a.jpg"]
    with pytest.raises(FileNotFoundError):
        classifier.classify_folder(tmp_path / "missing")


def test_a_result_is_json_text_and_a_table(classifier: Classifier) -> None:
    result = classifier.classify(SAMPLE)
    as_json = json.loads(json.dumps(result.to_dict()))
    assert as_json["path"] == str(SAMPLE)
    assert as_json["predictions"][0]["class"] == SAMPLE_SYNSET
    assert as_json["repository"] == taskworker_classifyimage.REPOSITORY
    first, *rest = str(result).splitlines()
    assert first.startswith(SAMPLE_SYNSET)
    assert first.endswith("Espresso")
    assert len(rest) == 2
    assert result._repr_html_().count("<tr>") == 3
    evil = Result.from_json(
        {"predictions": [{"class": "<b>", "name": "<script>", "probability": 2.0}]}
    )
    assert "<script>" not in evil._repr_html_()


@pytest.mark.parametrize(
    "options",
    [{"top": 0}, {"language": "??"}, {"device": "gpux"}, {"min_probability": 2.0}],
)
def test_wrong_options_are_told_at_once(options: dict[str, object]) -> None:
    with pytest.raises(UserError, match=next(iter(options))):
        Classifier(MODEL, **options)  # type: ignore[arg-type] # that is what is tested
    with pytest.raises(TypeError, match="there is no option 'colour'"):
        Classifier(MODEL, colour="red")  # type: ignore[call-arg] # as above


def test_a_model_that_is_not_there_is_told_when_it_is_loaded() -> None:
    with pytest.raises(UserError, match="there is no model 'x'"):
        Classifier("x").classify(ESPRESSO)


def test_it_starts_with_the_first_picture_and_again_after_close() -> None:
    classifier = Classifier(MODEL, min_probability=0.5, provenance=True)
    result = classifier.classify(ESPRESSO)
    assert len(result.predictions) == 1
    assert result.provenance is not None
    classifier.close()
    classifier.close()
    assert classifier.classify(ESPRESSO).predictions == result.predictions
    classifier.close()


def test_the_twin_for_asyncio_gives_the_same(classifier: Classifier) -> None:
    async def run() -> list[Result]:
        async def endless() -> AsyncIterator[bytes]:
            number = 0
            while True:
                yield ESPRESSO + b"%d" % (number := number + 1)

        async with AsyncClassifier(MODEL, language="de", top=3) as twin:
            results = [await twin.classify(SAMPLE)]
            results += [result async for result in twin.classify_many([ESPRESSO] * 20)]
            async for result in twin.classify_many(endless()):
                results.append(result)
                if len(results) > 30:
                    break
            return results

    results = asyncio.run(asyncio.wait_for(run(), LONG_S))
    expected = classifier.classify(SAMPLE).predictions
    assert all(result.predictions == expected for result in results[:21])
    assert len(results) == 31


PROGRAM = """
import multiprocessing, sys
from taskworker_classifyimage import Classifier

def classify(path):
    with Classifier("EfficientNetLite0", top=1) as classifier:
        return classifier.classify(path).best.class_id

if __name__ == "__main__":
    before = Classifier("EfficientNetLite0", top=1)
    print(before.classify(sys.argv[1]).best.class_id)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(*pool.map(classify, [sys.argv[1]]))
"""


def test_it_works_in_spawned_processes_and_ends_with_its_program(tmp_path: Path) -> None:
    """Without `close`, and nothing is printed at the end."""
    (tmp_path / "program.py").write_text(PROGRAM)
    ended = subprocess.run(
        [sys.executable, str(tmp_path / "program.py"), str(SAMPLE)],
        env=clean_environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=LONG_S,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.split() == [SAMPLE_SYNSET, SAMPLE_SYNSET]
