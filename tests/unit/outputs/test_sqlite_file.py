import errno
import json
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.programs import ROOT
from support.rows import CATEGORIES, ODD_NAMES, RUN, classified, failed
from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.local.rows import Row
from taskworker_classifyimage.outputs.cells import path_text
from taskworker_classifyimage.outputs.sqlite_file import SqliteFile, remove


@contextmanager
def opened(path: Path) -> Iterator[SqliteFile]:
    file = SqliteFile()
    file.open(path)
    try:
        yield file
    finally:
        file.close()


def query(path: Path, statement: str) -> list[tuple[Any, ...]]:
    """What another program gets, which may only read."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=0)) as database:
        return database.execute(statement).fetchall()


def test_a_row_comes_back(tmp_path: Path) -> None:
    """Files with their values, predictions with their ranks, and the best of each picture."""
    path = tmp_path / "rows.sqlite"
    with opened(path) as file:
        file.add([classified("1.jpg", warnings=["one", "two"]), failed("2.jpg")], 100)
        file.finish(RUN)
    assert query(path, "SELECT * FROM files") == [
        (
            "1.jpg",
            "ok",
            None,
            None,
            1234,
            "2026-11-26T12:00:00.123456789Z",
            "ab" * 32,
            0.03,
            "one; two",
        ),
        ("2.jpg", "failed", "damaged", "the picture is damaged", None, None, None, 0.01, ""),
    ]
    assert query(path, "SELECT * FROM predictions") == [
        ("1.jpg", 1, "n1", "Name 1", 0.84),
        ("1.jpg", 2, "n2", "Name 2", 1 / 3),
    ]
    assert query(path, "SELECT * FROM best") == [("1.jpg", "n1", "Name 1", 0.84)]


def test_categories_have_a_table_with_ranks_within_their_level(tmp_path: Path) -> None:
    """Which a later row of the same path replaces; other runs have no such table."""
    path = tmp_path / "rows.sqlite"
    file = SqliteFile()
    file.open(path, has_categories=True)
    file.add([classified("1.jpg", categories=CATEGORIES), failed("2.jpg")], 10)
    best = "SELECT path, id, name, probability FROM categories WHERE level = 'fine' AND rank = 1"
    assert query(path, best) == [("1.jpg", "drink", "drink or drinking vessel", 0.9)]
    assert query(path, "SELECT level, rank, id FROM categories") == [
        ("coarse", 1, "food"),
        ("coarse", 2, "household"),
        ("fine", 1, "drink"),
        ("fine", 2, "dish"),
        ("overlapping", 1, "alcohol"),
    ]
    file.add([classified("1.jpg", categories=CATEGORIES[:1])], 20)
    file.close()
    with opened(path):
        assert query(path, "SELECT id FROM categories") == [("food",)]
    with opened(tmp_path / "other.sqlite"):
        pass
    assert (
        query(
            tmp_path / "other.sqlite",
            "SELECT name FROM sqlite_schema WHERE tbl_name = 'categories'",
        )
        == []
    )


def test_the_run_is_in_the_file(tmp_path: Path) -> None:
    """Texts as they are, everything else as JSON."""
    path = tmp_path / "rows.sqlite"
    with opened(path) as file:
        file.finish(RUN)
    found = dict(query(path, "SELECT * FROM run"))
    assert found["model"] == "EfficientNetLite2"
    assert json.loads(found["counts"]) == RUN["counts"]
    assert found.keys() == RUN.keys()


def test_a_row_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    """Also if it has fewer predictions."""
    path = tmp_path / "rows.sqlite"
    with opened(path) as file:
        file.add([classified("1.jpg"), classified("2.jpg")], 10)
        file.add([failed("1.jpg"), classified("2.jpg", 0.5)], 20)
    assert query(path, "SELECT path, status FROM files") == [("1.jpg", "failed"), ("2.jpg", "ok")]
    assert query(path, "SELECT * FROM predictions") == [("2.jpg", 1, "n1", "Name 1", 0.5)]


def test_odd_names_come_back_and_no_two_are_alike(tmp_path: Path) -> None:
    """A name that is not UTF-8, and one that looks like it, are two files."""
    path = tmp_path / "rows.sqlite"
    with opened(path) as file:
        file.add(map(classified, ODD_NAMES), 10)
    found = {name for (name,) in query(path, "SELECT path FROM files")}
    assert found == set(map(path_text, ODD_NAMES))
    assert len(found) == len(ODD_NAMES)


def test_others_read_while_rows_are_added(tmp_path: Path) -> None:
    """Neither waits for the other; a reader sees what was complete when it began."""
    path = tmp_path / "rows.sqlite"
    with opened(path) as file, closing(sqlite3.connect(path, timeout=0)) as reader:
        file.add([classified("1.jpg")], 10)
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM files").fetchone() == (1,)

        def rows() -> Iterator[Row]:
            yield classified("2.jpg")
            assert query(path, "SELECT count(*) FROM best") == [(1,)]

        file.add(rows(), 20)
        assert reader.execute("SELECT count(*) FROM files").fetchone() == (1,)
        reader.execute("COMMIT")
        assert reader.execute("SELECT count(*) FROM files").fetchone() == (2,)


def test_a_finished_run_is_one_file(tmp_path: Path) -> None:
    """Which can be copied, and read where nothing can be written."""
    path = tmp_path / "rows.sqlite"
    with opened(path) as file:
        file.add([classified("1.jpg")], 10)
        assert len(list(tmp_path.iterdir())) == 3
        file.finish(RUN)
    assert list(tmp_path.iterdir()) == [path]
    assert query(path, "PRAGMA journal_mode") == [("delete",)]
    assert query(path, "PRAGMA integrity_check") == [("ok",)]


def test_a_reader_who_stays_does_not_stop_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log stays beside the file, and goes when the reader goes; nothing is lost."""
    path = tmp_path / "rows.sqlite"
    monkeypatch.setattr("taskworker_classifyimage.outputs.sqlite_file._LAST_READERS_S", 0.1)
    with closing(sqlite3.connect(path, timeout=0)) as reader:
        with opened(path) as file:
            file.add([classified("1.jpg")], 10)
            reader.execute("BEGIN")
            assert reader.execute("SELECT count(*) FROM files").fetchone() == (1,)
            file.add([classified("2.jpg")], 20)
            file.finish(RUN)
        assert query(path, "SELECT count(*) FROM files") == [(2,)]
    assert list(tmp_path.iterdir()) == [path]
    assert query(path, "SELECT count(*) FROM files") == [(2,)]


#: Adds the rows of a checkpoint from where the file ends, ten at a time, and says so; a pipe that
#: nobody reads would stop it, so the parent decides when it is killed.
ADDING = """
import sys
from itertools import islice
from pathlib import Path
from taskworker_classifyimage.local.rows import Row
from taskworker_classifyimage.outputs.sqlite_file import SqliteFile

checkpoint, path = map(Path, sys.argv[1:])
file = SqliteFile()
file.open(path)
with checkpoint.open("rb") as lines:
    lines.seek(file.offset)
    print("from", file.offset, flush=True)
    while rows := [Row.from_json(line) for line in islice(iter(lines.readline, b""), 10)]:
        file.add(rows, lines.tell())
        print("at", lines.tell(), flush=True)
file.finish({"top": 2})
print("finished", flush=True)
"""


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    """Killed at several moments: in the end each file is there once, with its predictions."""
    checkpoint, path = tmp_path / "rows.jsonl", tmp_path / "rows.sqlite"
    names = [f"{number}.jpg" for number in range(1000)]
    checkpoint.write_bytes(b"".join(classified(name).to_json() + b"\n" for name in names))
    begins = []
    for kill_at in (1, 2, 5, 13, 1000):
        with subprocess.Popen(
            [sys.executable, "-c", ADDING, str(checkpoint), str(path)],
            stdout=subprocess.PIPE,
            encoding="utf-8",
            cwd=ROOT,
        ) as process:
            assert process.stdout is not None
            for number, line in enumerate(process.stdout):
                if line.startswith("from"):
                    begins.append(int(line.split()[1]))
                if number == kill_at:
                    process.kill()
        assert (process.returncode == 0) == (kill_at == 1000)
        assert query(path, "PRAGMA integrity_check") == [("ok",)]
    assert begins == sorted(begins)
    assert 0 < begins[1] < begins[-1]
    found = Counter(name for (name,) in query(path, "SELECT path FROM best"))
    assert found == Counter(names)
    assert query(path, "SELECT count(*) FROM predictions") == [(2000,)]


def test_a_file_is_deleted_with_its_log(tmp_path: Path) -> None:
    """Else the log of the old file would meet a new one."""
    path = tmp_path / "rows.sqlite"
    copies = tmp_path / "copies"
    copies.mkdir()
    with opened(path) as file:
        file.add([classified("1.jpg")], 10)
        # What a kill leaves.
        for each in tmp_path.glob("rows.sqlite*"):
            shutil.copy(each, copies)
    assert len(list(copies.iterdir())) == 3
    remove(copies / "rows.sqlite")
    assert list(copies.iterdir()) == []
    remove(copies / "rows.sqlite")


def test_rows_and_offset_are_added_together(tmp_path: Path) -> None:
    """Else a row would be lost, or done twice."""
    path = tmp_path / "rows.sqlite"

    def rows() -> Iterator[Row]:
        yield classified("2.jpg")
        raise KeyboardInterrupt

    with opened(path) as file:
        file.add([classified("1.jpg")], 10)
        with pytest.raises(KeyboardInterrupt):
            file.add(rows(), 20)
        assert file.offset == 10
        file.add([classified("3.jpg")], 30)
    with opened(path) as file:
        assert file.offset == 30
    assert query(path, "SELECT path FROM files") == [("1.jpg",), ("3.jpg",)]


def test_a_full_disk_is_an_error_of_the_system(tmp_path: Path) -> None:
    """As for every other output; what was added before is kept."""
    path = tmp_path / "rows.sqlite"
    with opened(path) as file:
        file.add([classified("1.jpg")], 10)
        assert file._database is not None
        file._database.execute("PRAGMA max_page_count = 1")
        with pytest.raises(OSError, match="full") as caught:
            file.add([classified(f"{number}.jpg") for number in range(5000)], 20)
        assert caught.value.errno == errno.ENOSPC
        assert file.offset == 10
    assert query(path, "SELECT path FROM files") == [("1.jpg",)]


def test_what_is_no_such_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    """A text, and the database of another program."""
    text = tmp_path / "text.sqlite"
    text.write_text("not a database, and longer than the head of one is" * 9, "utf-8")
    other = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(other)) as database:
        database.execute("CREATE TABLE mine (a)")
    for path, message in ((text, "is no SQLite database"), (other, "of another program")):
        before = path.read_bytes()
        with pytest.raises(ConfigError, match=message):
            SqliteFile().open(path)
        assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2


def test_a_file_of_another_version_is_refused(tmp_path: Path) -> None:
    """Rows in other columns would be worse than none."""
    path = tmp_path / "rows.sqlite"
    with opened(path):
        pass
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(ConfigError, match="another version"):
        SqliteFile().open(path)


def test_a_folder_that_is_missing_is_an_error_of_the_system(tmp_path: Path) -> None:
    """With the path."""
    with pytest.raises(OSError, match=r"rows\.sqlite"):
        SqliteFile().open(tmp_path / "missing" / "rows.sqlite")
