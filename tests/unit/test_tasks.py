import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskworker_classifyimage.errors import BadRequest, ErrorCode
from taskworker_classifyimage.tasks import (
    MAX_TOP,
    ClassifyRequest,
    Prediction,
    Runtime,
    error_json,
    parse_request,
    result_json,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize("data", [None, {}, {"targetlanguage": None, "numberofpredictions": None}])
def test_what_is_missing_gets_its_default(data: object) -> None:
    """A task without data asks for ten names in English."""
    assert parse_request(data) == ClassifyRequest(language="en", top=10)


@pytest.mark.parametrize("count", [3, "3", "003", 3.0])
def test_a_count_may_be_a_number_or_a_string_of_digits(count: object) -> None:
    """The web page and the IPED client send "10", others send 10."""
    assert parse_request({"numberofpredictions": count}).top == 3


@pytest.mark.parametrize(
    "count",
    [
        "abc",
        "",
        " 3",
        "-1",
        "+3",
        "3.0",
        "\u0663",
        "0",
        0,
        -1,
        2.5,
        math.nan,
        math.inf,
        True,
        [3],
        {},
    ],
)
def test_a_count_that_is_none_is_refused(count: object) -> None:
    """Anything but a whole number from 1 up is the client's mistake, said with its value."""
    with pytest.raises(BadRequest, match="numberofpredictions"):
        parse_request({"numberofpredictions": count})


@pytest.mark.parametrize("count", [1001, 10**9, "1001", "9" * 5000, 1e300])
def test_more_than_all_classes_is_capped_and_said(count: object) -> None:
    """There are 1000 classes; who asks for more gets those and a warning."""
    request = parse_request({"numberofpredictions": count})
    assert request.top == MAX_TOP
    assert request.warnings[0].startswith("numberofpredictions: ")
    assert len(request.warnings[0]) < 100


@pytest.mark.parametrize("language", ["de", "de-AT", "DE", "zh-Hant-TW", "pt_BR", "xx"])
def test_any_language_tag_is_understood(language: str) -> None:
    """Which languages there are is not for the parser to know."""
    assert parse_request({"targetlanguage": language}).language == language


@pytest.mark.parametrize("language", ["", "../../etc/passwd", "de\n", 5, ["de"], True, "a" * 9])
def test_what_is_no_language_tag_is_refused(language: object) -> None:
    """A value that cannot be a language is an error result, never a crash or a path."""
    with pytest.raises(BadRequest, match="targetlanguage"):
        parse_request({"targetlanguage": language})


@pytest.mark.parametrize("data", ["text", 5, [], ["de"], True])
def test_data_that_is_no_object_is_refused(data: object) -> None:
    """A client that sends a list has misread the protocol."""
    with pytest.raises(BadRequest, match="data must be an object"):
        parse_request(data)


@settings(max_examples=50)
@given(JSON | st.fixed_dictionaries({"targetlanguage": JSON, "numberofpredictions": JSON}))
def test_any_json_is_understood_or_refused(data: object) -> None:
    """Whatever a client sends: a request with a sane count, or `BadRequest`."""
    try:
        request = parse_request(data)
    except BadRequest:
        return
    assert 1 <= request.top <= MAX_TOP


PROVENANCE = Runtime(library="onnxruntime-1.0", model="Net", device="cpu")


def test_a_result_has_the_original_properties() -> None:
    """Clients of the original worker find every property with its type."""
    result = result_json([Prediction("n02123394", "Perserkatze", 0.84)], PROVENANCE, 1.6)
    assert json.loads(json.dumps(result)) == {
        "predictions": [{"class": "n02123394", "name": "Perserkatze", "probability": 0.84}],
        "duration": 1.6,
        "repository": "https://github.com/hilderonny/taskworker-classifyimage",
        "version": result["version"],
        "library": "onnxruntime-1.0",
        "model": "Net",
        "device": "cpu",
    }


def test_an_error_satisfies_both_kinds_of_client() -> None:
    """One client looks for `error`, the other maps over `predictions` without looking."""
    result = error_json("no picture", ErrorCode.UNSUPPORTED_FORMAT, PROVENANCE, 0.1)
    assert result["error"] == "no picture"
    assert result["code"] == "unsupported_format"
    assert result["predictions"] == []
    assert result["model"] == "Net"


@pytest.mark.parametrize(
    ("value", "asked"),
    [(None, False), (False, False), ("false", False), (True, True), ("true", True)],
)
def test_provenance_is_asked_for_by_a_word(value: object, asked: bool) -> None:
    """Web forms send texts."""
    assert parse_request({"provenance": value}).provenance is asked


@pytest.mark.parametrize(
    ("key", "value"), [("provenance", 1), ("provenance", "yes"), ("model", "")]
)
def test_a_wish_that_makes_no_sense_is_refused(key: str, value: object) -> None:
    """Never taken for a yes or a no, said with its name."""
    with pytest.raises(BadRequest, match=f"{key} must be"):
        parse_request({key: value})
