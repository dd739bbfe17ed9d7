import os
import sys
from pathlib import Path

import pytest

from taskworker_classifyimage.local.folders import walk


def fill(folder: Path, *names: str) -> list[Path]:
    paths = [folder / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return paths


def test_folders_are_walked_in_the_order_of_names(tmp_path: Path) -> None:
    """Files and folders alike; a file that was named comes where it was named."""
    paths = fill(tmp_path / "pictures", "a.jpg", "b/1.jpg", "b/c/2.jpg", "b/d.jpg", "e.jpg")
    named = tmp_path / "pictures" / "b" / "1.jpg"
    assert list(walk([named, tmp_path / "pictures"])) == [named, *paths]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_what_the_system_refuses_is_among_the_files(tmp_path: Path) -> None:
    """A file and a folder that nobody can open are told, not passed over; these stop even root."""
    readable = fill(tmp_path, "a.jpg", "z.jpg")
    (tmp_path / "closed.jpg").symlink_to("x" * 300)
    closed = deeper_than_any_path(tmp_path / "deep")
    assert list(walk([tmp_path])) == [readable[0], tmp_path / "closed.jpg", closed, readable[1]]


def deeper_than_any_path(folder: Path) -> Path:
    """Makes folders in folders; gives the first whose path is longer than the system takes."""
    folder.mkdir()
    place = os.open(folder, os.O_RDONLY)
    while True:
        try:
            folder.stat()
        except OSError:
            os.close(place)
            return folder
        os.mkdir("d" * 200, dir_fd=place)
        deeper = os.open("d" * 200, os.O_RDONLY, dir_fd=place)
        os.close(place)
        place, folder = deeper, folder / ("d" * 200)
