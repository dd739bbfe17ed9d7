import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskworker_classifyimage.local.rows import Row, from_text, to_text

#: Texts as `os.fsdecode` gives them: any characters, and bytes that are not UTF-8 as surrogates.
PATHS = st.binary(max_size=30).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
GOOD = {"predictions": [{"class": "n1", "name": "Bär", "probability": 0.5}], "model": "m"}


@given(PATHS, st.none() | st.integers(0, 2**60), st.none() | st.integers(-(2**63), 2**63 - 1))
def test_a_row_comes_back_from_its_line(path: str, size: int | None, modified: int | None) -> None:
    row = Row(path, GOOD, size, modified, "00" * 32)
    line = row.to_json()
    assert b"\n" not in line
    assert Row.from_json(line) == row


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_time_is_exact_as_text(time_ns: int) -> None:
    assert from_text(to_text(time_ns)) == time_ns


def test_times_read_like_iso_8601() -> None:
    assert to_text(1_700_000_000_000_000_001) == "2023-11-14T22:13:20.000000001Z"


@pytest.mark.parametrize(
    ("result", "status", "code"),
    [
        (GOOD, "ok", None),
        ({"error": "e", "code": "damaged", "predictions": []}, "failed", "damaged"),
        ({"error": "e", "code": "killed", "predictions": []}, "failed", "killed"),
        ({"error": "e", "code": "empty_file", "predictions": []}, "not_a_picture", "empty_file"),
        (
            {"error": "e", "code": "unsupported_format", "predictions": []},
            "not_a_picture",
            "unsupported_format",
        ),
    ],
)
def test_a_row_tells_whether_someone_must_look(
    result: dict[str, object], status: str, code: str | None
) -> None:
    row = Row("a", result)
    assert (row.status, row.code) == (status, code)
    assert json.loads(row.to_json())["status"] == status
