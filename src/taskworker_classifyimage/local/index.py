"""Finds the rows of a checkpoint without reading it, by the file's path and by its content.

An index lies on disk, so that a million rows take no memory, and can be made again from its
checkpoint; only the thumbnails are nowhere else.
"""

import contextlib
import os
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

from taskworker_classifyimage.local.rows import Row
from taskworker_classifyimage.local.sqlite_errors import raising_os_errors

_HALF_KEY_BYTES: Final = 8
#: SQLite takes no more values before its release 3.32.
MOST_AT_ONCE: Final = 999
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS indexed (until INTEGER NOT NULL, rows INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS files (
    key BLOB PRIMARY KEY, start INTEGER NOT NULL, size INTEGER, modified INTEGER, code TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS contents (sha256 BLOB PRIMARY KEY, start INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tasks (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS thumbnails (sha256 BLOB PRIMARY KEY, picture BLOB NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a file's row is, and what the file was like.

    Attributes:
        start: offset of the row in the checkpoint, in bytes.
    """

    start: int
    size_bytes: int | None
    modified_ns: int | None


class Index:
    """The index of one checkpoint; used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database: sqlite3.Connection | None = None

    def open(self) -> None:
        """Opens it, or makes it anew if it is damaged; raises `OSError` if it cannot be written."""
        try:
            self._connect()
        except sqlite3.DatabaseError:
            self.remove()
            with raising_os_errors(self._path):
                self._connect()

    def close(self) -> None:
        """Closes it."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def remove(self) -> None:
        """Closes and deletes it."""
        self.close()
        for end in ("", "-wal", "-shm"):
            Path(f"{self._path}{end}").unlink(missing_ok=True)

    @property
    def until(self) -> int:
        """Offset in the checkpoint up to which rows are in the index, in bytes."""
        return self._read_indexed()[0]

    @property
    def rows(self) -> int:
        """How many rows are in it, also those that no longer count."""
        return self._read_indexed()[1]

    @property
    def has_old_rows(self) -> bool:
        """Whether there are rows that no longer count."""
        [files] = self._open_database.execute("SELECT count(*) FROM files").fetchone()
        return int(files) < self.rows

    def add(self, rows: Iterable[tuple[int, Row]], until: int) -> None:
        """Adds rows and where they start; a later row of a file replaces an earlier one.

        Raises:
            OSError: the disk is full.
        """
        count = self.rows
        with raising_os_errors(self._path), self._open_database as database:
            for start, row in rows:
                count += 1
                database.execute(
                    "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)",
                    (_key(row.path), start, row.size_bytes, row.modified_ns, row.code),
                )
                if row.sha256 is not None and row.code is None:
                    database.execute(
                        "INSERT OR REPLACE INTO contents VALUES (?, ?)",
                        (bytes.fromhex(row.sha256), start),
                    )
            database.execute("DELETE FROM indexed")
            database.execute("INSERT INTO indexed VALUES (?, ?)", (until, count))

    def find(self, path: str) -> Entry | None:
        """The latest row of a file."""
        found = self._open_database.execute(
            "SELECT start, size, modified FROM files WHERE key = ?", (_key(path),)
        ).fetchone()
        return Entry(*found) if found else None

    def find_all(self, paths: Sequence[str]) -> list[Entry | None]:
        """The latest rows of files, at most `MOST_AT_ONCE`; faster than one by one."""
        keys = [_key(path) for path in paths]
        marks = ",".join("?" * len(keys))
        found = self._open_database.execute(
            f"SELECT key, start, size, modified FROM files WHERE key IN ({marks})",  # noqa: S608 - marks
            keys,
        )
        entries = {key: Entry(*rest) for key, *rest in found}
        return [entries.get(key) for key in keys]

    def find_equal(self, sha256: str) -> int | None:
        """Where the row of a classified file with this content starts."""
        found = self._open_database.execute(
            "SELECT start FROM contents WHERE sha256 = ?", (bytes.fromhex(sha256),)
        ).fetchone()
        return int(found[0]) if found else None

    def count(self) -> Counter[str | None]:
        """How many files have which code; None: classified."""
        counted = self._open_database.execute("SELECT code, count(*) FROM files GROUP BY code")
        return Counter(dict(counted))

    def note_task(self, task_id: str) -> None:
        """Notes that a task is on a bridge; raises `OSError` if the disk is full."""
        with raising_os_errors(self._path), self._open_database as database:
            database.execute("INSERT OR IGNORE INTO tasks VALUES (?)", (task_id,))

    def forget_task(self, task_id: str) -> None:
        """Notes that a task is gone; raises `OSError` if the disk is full."""
        with raising_os_errors(self._path), self._open_database as database:
            database.execute("DELETE FROM tasks WHERE id = ?", (task_id,))

    def tasks(self) -> list[str]:
        """The tasks that a killed run has left on a bridge."""
        return [task_id for (task_id,) in self._open_database.execute("SELECT id FROM tasks")]

    def add_thumbnails(self, thumbnails: Iterable[tuple[str, bytes]]) -> None:
        """Adds thumbnails by the SHA-256 of their files; raises `OSError` if the disk is full."""
        with raising_os_errors(self._path), self._open_database as database:
            database.executemany(
                "INSERT OR REPLACE INTO thumbnails VALUES (?, ?)",
                ((bytes.fromhex(sha256), picture) for sha256, picture in thumbnails),
            )

    def find_thumbnail(self, sha256: str) -> bytes | None:
        """The thumbnail of a file with this content."""
        found = self._open_database.execute(
            "SELECT picture FROM thumbnails WHERE sha256 = ?", (bytes.fromhex(sha256),)
        ).fetchone()
        return bytes(found[0]) if found else None

    def _read_indexed(self) -> tuple[int, int]:
        found = self._open_database.execute("SELECT until, rows FROM indexed").fetchone()
        return (int(found[0]), int(found[1])) if found else (0, 0)

    @property
    def _open_database(self) -> sqlite3.Connection:
        if self._database is None:
            raise RuntimeError("the index is not open")
        return self._database

    def _connect(self) -> None:
        database = sqlite3.connect(self._path, check_same_thread=False)
        try:
            # After a power cut it is made again, so nothing waits for the disk.
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = OFF")
            database.executescript(_SCHEMA)
            database.execute("SELECT until, rows FROM indexed").fetchone()
        except sqlite3.DatabaseError:
            database.close()
            raise
        self._database = database


class SeenPaths:
    """The paths that have come in this run, on disk; two of a kind are one file."""

    def __init__(self, path: Path | str = "") -> None:
        """Uses a temporary file of the system's if no path is given."""
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        with contextlib.suppress(sqlite3.DatabaseError):
            self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute("CREATE TABLE seen (key BLOB PRIMARY KEY) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def add(self, path: str) -> bool:
        """Whether this path is new."""
        added = self._database.execute("INSERT OR IGNORE INTO seen VALUES (?)", (_key(path),))
        return added.rowcount == 1

    def close(self) -> None:
        """Deletes it."""
        self._database.close()


def _key(path: str) -> bytes:
    """Keys of the files of one folder are neighbours, so that looking them up reads little."""
    folder, name = os.path.split(path)
    return _hash(folder) + _hash(name)


def _hash(text: str) -> bytes:
    content = text.encode("utf-8", "surrogatepass")
    return blake2b(content, digest_size=_HALF_KEY_BYTES).digest()
