import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskworker_classifyimage.pipeline.undelivered import UndeliveredResults

RESULT: dict[str, object] = {"predictions": [{"class": "a", "probability": 0.5}]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "results"


def test_a_kept_result_is_found_by_the_next_life(folder: Path) -> None:
    """Another object, as after a restart, gives it back whole."""
    assert asyncio.run(UndeliveredResults(folder).keep("a", RESULT))
    assert asyncio.run(UndeliveredResults(folder).find("a")) == RESULT
    assert asyncio.run(UndeliveredResults(folder).find("b")) is None


@settings(max_examples=25)
@given(task_id=st.text(min_size=1))
def test_no_id_leaves_the_folder(task_id: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Ids come from servers and clients: slashes, dots, zero bytes and lone surrogates included."""
    folder = tmp_path_factory.mktemp("state") / "results"
    results = UndeliveredResults(folder)
    assert asyncio.run(results.keep(task_id, RESULT))
    assert asyncio.run(results.find(task_id)) == RESULT
    (path,) = folder.iterdir()
    assert len(path.name) == 69
    assert [each.name for each in folder.parent.iterdir()] == ["results"]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"task": "b", "result": {}}', b'{"task": "a"}', b"[" * 100_000]
)
def test_a_damaged_file_is_no_result(folder: Path, content: bytes) -> None:
    """Its task is simply done again."""
    results = UndeliveredResults(folder)
    asyncio.run(results.keep("a", RESULT))
    (path,) = folder.iterdir()
    path.write_bytes(content)
    assert asyncio.run(results.find("a")) is None


def test_what_is_of_no_use_is_dropped(folder: Path) -> None:
    """After a restart only tasks that are still ours keep their results; no file is left over."""
    results = UndeliveredResults(folder)
    for task_id in "abc":
        asyncio.run(results.keep(task_id, RESULT))
    (folder / "torn.part").write_bytes(b"{")
    assert asyncio.run(results.drop_all_but(["b", "x"])) == 3
    assert asyncio.run(results.find("b")) == RESULT
    asyncio.run(results.drop("b"))
    asyncio.run(results.drop("b"))
    assert list(folder.iterdir()) == []


def test_there_is_an_end_to_what_is_kept(folder: Path) -> None:
    """A bridge that takes no results must not fill the disk."""
    results = UndeliveredResults(folder, limit=3)
    assert [asyncio.run(results.keep(task_id, RESULT)) for task_id in "abcd"] == [
        True,
        True,
        True,
        False,
    ]


def test_without_a_place_to_write_nothing_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller is told, and holds the result in memory."""
    (tmp_path / "file").write_bytes(b"")
    for results in (UndeliveredResults(None), UndeliveredResults(tmp_path / "file" / "results")):
        assert not asyncio.run(results.keep("a", RESULT))
        assert asyncio.run(results.find("a")) is None
        asyncio.run(results.drop("a"))
        assert asyncio.run(results.drop_all_but([])) == 0
    assert "cannot be kept" in caplog.text
