"""Files of tasks: they get their name once they are complete, and none is left behind."""

import errno
import os
import uuid
from pathlib import Path

import pytest
from aiohttp import web

from taskworker_classifyimage.bridge_server.limits import Limits
from taskworker_classifyimage.bridge_server.uploads import Uploads

LIMIT_BYTES = 1000
LIMITS = Limits(upload_bytes=LIMIT_BYTES)


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    opened = Uploads(tmp_path / "files")
    opened.open(lambda _: True)
    return opened


def new_id() -> str:
    return str(uuid.uuid4())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "files").iterdir())


def test_a_finished_upload_is_found_under_its_task(uploads: Uploads, tmp_path: Path) -> None:
    task_id = new_id()
    with uploads.receive(task_id, LIMITS) as upload:
        upload.begin()
        upload.write(b"one ")
        upload.write(b"two")
        assert names(tmp_path) == [f"{task_id}.part"]
        upload.finish()
    assert uploads.path(task_id).read_bytes() == b"one two"
    assert names(tmp_path) == [task_id]
    uploads.remove(task_id)
    uploads.remove(task_id)
    assert names(tmp_path) == []


def test_an_upload_that_never_began_is_no_file(uploads: Uploads, tmp_path: Path) -> None:
    with uploads.receive(new_id(), LIMITS) as upload:
        assert not upload.has_begun
        upload.finish()
    assert names(tmp_path) == []


def test_an_upload_that_has_not_begun_takes_no_bytes(uploads: Uploads) -> None:
    with (
        uploads.receive(new_id(), LIMITS) as upload,
        pytest.raises(ValueError, match="not begun"),
    ):
        upload.write(b"x")


def test_a_file_of_just_the_limit_is_accepted(uploads: Uploads) -> None:
    task_id = new_id()
    with uploads.receive(task_id, LIMITS) as upload:
        upload.begin()
        upload.write(b"x" * LIMIT_BYTES)
        upload.finish()
    assert uploads.path(task_id).stat().st_size == LIMIT_BYTES


def test_a_byte_more_is_refused_and_leaves_nothing(uploads: Uploads, tmp_path: Path) -> None:
    def send_too_much() -> None:
        with uploads.receive(new_id(), LIMITS) as upload:
            upload.begin()
            upload.write(b"x" * LIMIT_BYTES)
            upload.write(b"x")

    with pytest.raises(web.HTTPRequestEntityTooLarge) as raised:
        send_too_much()
    assert raised.value.text == f"more than {LIMIT_BYTES} bytes"
    assert names(tmp_path) == []


def test_an_error_after_the_renaming_leaves_nothing_either(
    uploads: Uploads, tmp_path: Path
) -> None:
    def fail_to_store() -> None:
        with uploads.receive(new_id(), LIMITS) as upload:
            upload.begin()
            upload.finish()
            raise RuntimeError("the row was not written")

    with pytest.raises(RuntimeError):
        fail_to_store()
    assert names(tmp_path) == []


def test_leftovers_are_removed_at_open_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    known, orphan, part = new_id(), new_id(), f"{new_id()}.part"
    foreign = ["holiday.jpg", "notes.part", f"{orphan}.txt"]
    for name in (known, orphan, part, f"{known}.part", *foreign):
        (folder / name).touch()
    Uploads(folder).open(lambda task_id: task_id == known)
    assert names(tmp_path) == sorted([known, *foreign])


@pytest.mark.parametrize("name", ["../tasks.sqlite3", "..", "", "a", "/etc/passwd", "A" * 36])
def test_only_ids_of_this_server_have_a_path(uploads: Uploads, name: str) -> None:
    with pytest.raises(ValueError, match="not an id"):
        uploads.path(name)


def test_a_file_that_cannot_be_removed_is_kept_for_the_next_start(
    uploads: Uploads, caplog: pytest.LogCaptureFixture
) -> None:
    task_id = new_id()
    # A folder in its place cannot be unlinked, like a file that is open on Windows.
    uploads.path(task_id).mkdir()
    uploads.remove(task_id)
    assert "bridge.file_kept" in caplog.text


def test_files_leave_some_of_the_disk_free(uploads: Uploads, tmp_path: Path) -> None:
    """Results have to be written even when clients fill the disk with pictures."""

    def fill_the_disk() -> None:
        with uploads.receive(new_id(), Limits(free_bytes=2**62)) as upload:
            upload.begin()
            upload.write(b"x")

    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        fill_the_disk()
    assert names(tmp_path) == []
