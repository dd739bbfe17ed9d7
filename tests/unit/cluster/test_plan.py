"""The files of each partition, on disk before any is classified."""

from pathlib import Path

import pytest

from taskworker_classifyimage.cluster.files import Folder
from taskworker_classifyimage.cluster.plan import Plan, part_name
from taskworker_classifyimage.local.found import Found
from taskworker_classifyimage.local.index import SeenPaths

FOUND = [Found(f"pictures/{number}\udcff.jpg", number, number * 10) for number in range(7)]


def test_every_file_is_in_one_list_and_lists_are_read_as_they_were_written(tmp_path: Path) -> None:
    """Names that are not UTF-8, sizes and times come back; a folder is made when it is needed."""
    plan = Plan(Folder(str(tmp_path / "rows")))
    assert list(plan.write(FOUND, 3, 0)) == [3, 3, 1]
    assert plan.numbers() == [0, 1, 2]
    assert [found for number in plan.numbers() for found in plan.read(number)] == FOUND


def test_only_whole_files_of_rows_count_as_done(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    folder.write(part_name(2), b"rows")
    (tmp_path / "_unfinished-1").write_bytes(b"ro")
    (tmp_path / "part-1.parquet").write_bytes(b"of another program")
    assert Plan(folder).done() == [2]
    folder.remove_unfinished()
    assert {each.name for each in tmp_path.iterdir()} == {part_name(2), "part-1.parquet"}


def test_what_is_planned_is_known_when_a_run_goes_on(tmp_path: Path) -> None:
    plan, seen = Plan(Folder(str(tmp_path))), SeenPaths()
    list(plan.write(FOUND[:5], 2, 0))
    assert plan.see(seen) == 5
    assert [found for found in FOUND if seen.add(found.path)] == FOUND[5:]
    seen.close()


def test_a_run_is_removed_without_the_files_of_others(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path))
    list(Plan(folder).write(FOUND, 3, 0))
    folder.write(part_name(0), b"rows")
    (tmp_path / "notes.txt").write_text("mine")
    Plan(folder).remove()
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == [tmp_path / "notes.txt"]


def test_an_old_file_stays_until_the_new_one_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Folder(str(tmp_path))
    folder.write(part_name(0), b"old")

    def fail(_path: Path, _content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="No space"):
        folder.write(part_name(0), b"new")
    assert folder.read(part_name(0)) == b"old"
