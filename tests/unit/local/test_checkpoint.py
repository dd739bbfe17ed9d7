from collections.abc import Iterator
from pathlib import Path

import pytest

from taskworker_classifyimage.local.checkpoint import Checkpoint
from taskworker_classifyimage.local.index import Entry, Index, SeenPaths
from taskworker_classifyimage.local.rows import Row

GOOD: dict[str, object] = {"predictions": [{"class": "n1", "name": "a", "probability": 0.5}]}
BAD: dict[str, object] = {"error": "e", "code": "damaged", "predictions": []}


def row(path: str, size: int = 1, result: dict[str, object] = GOOD) -> Row:
    return Row(path, result, size, 7, f"{hash(path) % 2**200:064x}")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Iterator[Checkpoint]:
    made = Checkpoint(tmp_path / "rows", Index(tmp_path / "index"))
    made.open()
    yield made
    made.close()


def reopen(checkpoint: Checkpoint) -> Checkpoint:
    checkpoint.close()
    again = Checkpoint(checkpoint.path, Index(checkpoint.path.parent / "index"))
    again.open()
    return again


def paths(checkpoint: Checkpoint) -> list[str]:
    return [each.path for _, each in checkpoint.rows()]


def test_rows_are_found_by_path_and_by_content(checkpoint: Checkpoint) -> None:
    first, second = row("x/a"), row("x/b", 2, BAD)
    checkpoint.append([first, second])
    entry = checkpoint.index.find("x/b")
    assert entry is not None
    assert checkpoint.read(entry.start) == second
    assert checkpoint.index.find_all(["x/a", "y/a", "x/b"]) == [Entry(0, 1, 7), None, entry]
    assert checkpoint.index.find_equal(str(first.sha256)) == 0
    # What failed once may not fail again.
    assert checkpoint.index.find_equal(str(second.sha256)) is None
    assert checkpoint.index.count() == {None: 1, "damaged": 1}


def test_a_later_row_of_a_file_counts_instead_of_the_earlier_one(checkpoint: Checkpoint) -> None:
    checkpoint.append([row("a", 1), row("b")])
    checkpoint.append([row("a", 2)])
    assert paths(checkpoint) == ["b", "a"]
    assert checkpoint.index.count().total() == 2
    assert checkpoint.index.rows == 3


@pytest.mark.parametrize("rest", [b'{"path": "half', b"\0\0\0", b"{}\n", b"[]\n"])
def test_what_a_kill_left_of_a_row_is_cut_off(checkpoint: Checkpoint, rest: bytes) -> None:
    checkpoint.append([row("a")])
    checkpoint.close()
    with checkpoint.path.open("ab") as file:
        file.write(rest)
    again = reopen(checkpoint)
    again.append([row("b")])
    assert paths(again) == ["a", "b"]
    again.close()


def test_rows_that_the_index_missed_are_indexed_when_it_is_opened(checkpoint: Checkpoint) -> None:
    """A kill comes between the row and the index."""
    checkpoint.append([row("a")])
    checkpoint.close()
    with checkpoint.path.open("ab") as file:
        file.write(row("b").to_json() + b"\n")
    again = reopen(checkpoint)
    assert again.index.find("b") is not None
    assert again.index.rows == 2
    again.close()


@pytest.mark.parametrize("damage", ["missing", "nonsense", "of a longer file"])
def test_an_index_that_is_of_no_use_is_made_anew(checkpoint: Checkpoint, damage: str) -> None:
    checkpoint.append([row("a"), row("b")])
    checkpoint.close()
    index = checkpoint.path.parent / "index"
    if damage == "missing":
        index.unlink()
    elif damage == "nonsense":
        index.write_bytes(b"nonsense" * 1000)
    else:
        checkpoint.path.write_bytes(row("c").to_json() + b"\n")
    again = reopen(checkpoint)
    expected = ["c"] if damage == "of a longer file" else ["a", "b"]
    assert paths(again) == expected
    assert [again.index.find(path) is not None for path in ("a", "b", "c")] == [
        path in expected for path in ("a", "b", "c")
    ]
    again.close()


def test_rows_are_read_from_where_one_left_off(checkpoint: Checkpoint) -> None:
    checkpoint.append([row("a"), row("b"), row("c")])
    [(end, _), *_] = checkpoint.rows()
    assert [each.path for _, each in checkpoint.rows(end)] == ["b", "c"]


def test_tasks_on_a_bridge_are_remembered(checkpoint: Checkpoint) -> None:
    checkpoint.index.note_task("1")
    checkpoint.index.note_task("2")
    checkpoint.index.forget_task("1")
    again = reopen(checkpoint)
    assert again.index.tasks() == ["2"]
    again.close()


def test_a_path_is_new_once() -> None:
    seen = SeenPaths()
    assert [seen.add(path) for path in ("a", "b", "a", "x/a", "x/a")] == [
        True,
        True,
        False,
        True,
        False,
    ]
    seen.close()
