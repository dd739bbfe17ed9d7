import os
import sys
from pathlib import Path

import pytest

from taskworker_classifyimage.local.filters import Filters
from taskworker_classifyimage.local.walk import Walk


def fill(folder: Path, *names: str) -> list[Path]:
    paths = [folder / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return paths


def walk(
    folder: Path, filters: Filters | None = None, own: frozenset[str] = frozenset()
) -> list[str]:
    """The paths below a folder, in the order of their names."""
    found = Walk(filters or Filters(), is_sorted=True, own=own).find(str(folder))
    return [str(Path(each.path).relative_to(folder)).replace(os.sep, "/") for each in found]


def test_folders_are_walked_in_the_order_of_names(tmp_path: Path) -> None:
    """The files of a folder come before its folders."""
    fill(tmp_path, "b/c/2.jpg", "b/1.jpg", "e.jpg", "a.jpg", "b/d.jpg")
    assert walk(tmp_path) == ["a.jpg", "e.jpg", "b/1.jpg", "b/d.jpg", "b/c/2.jpg"]


def test_a_walk_finds_size_and_time(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"12345")
    os.utime(tmp_path / "a.jpg", ns=(1, 1_234_567_890_123_456_700))
    (found,) = Walk(Filters()).find(str(tmp_path))
    assert (found.size_bytes, found.modified_ns) == (5, 1_234_567_890_123_456_700)


def test_hidden_and_system_files_are_left_out_and_counted(tmp_path: Path) -> None:
    fill(tmp_path, "a.jpg", ".a.jpg", "._a.jpg", "Thumbs.db", "a.jpg.xmp", "@eaDir/b.jpg", ".git/c")
    filters = Filters()
    assert walk(tmp_path, filters) == ["a.jpg"]
    assert filters.hidden == 6
    everything = walk(tmp_path, Filters(takes_all=True))
    assert len(everything) == 7


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (["*.jpg"], [], ["a.JPG", "x/b.jpg", "x/y/d.jpg"]),
        (["*.png", "*.gif"], [], ["c.png", "x/e.gif"]),
        ([], ["x"], ["a.JPG", "c.png"]),
        ([], ["x/y/*"], ["a.JPG", "c.png", "x/b.jpg", "x/e.gif"]),
        (["x/*"], ["*.gif"], ["x/b.jpg", "x/y/d.jpg"]),
        (["[ab].jpg"], [], ["a.JPG", "x/b.jpg"]),
    ],
)
def test_patterns_choose_files(
    tmp_path: Path, include: list[str], exclude: list[str], expected: list[str]
) -> None:
    """A pattern without a slash is for names, one with a slash for paths below the folder."""
    fill(tmp_path, "a.JPG", "c.png", "x/b.jpg", "x/e.gif", "x/y/d.jpg")
    filters = Filters(include, exclude)
    assert walk(tmp_path, filters) == expected
    assert filters.excluded > 0


def test_the_files_of_the_run_itself_are_left_out(tmp_path: Path) -> None:
    fill(tmp_path, "a.jpg", "r.csv", "r.csv.part", "r.csv.run.json", "r.csvx")
    assert walk(tmp_path, own=frozenset([str(tmp_path / "r.csv")])) == ["a.jpg", "r.csvx"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_lead_to_files_and_never_in_circles(tmp_path: Path) -> None:
    """Links to folders, to nothing and to themselves, and FIFOs, are no files."""
    fill(tmp_path, "a.jpg", "sub/b.jpg")
    (tmp_path / "sub" / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "self").symlink_to(tmp_path / "self")
    (tmp_path / "nothing").symlink_to(tmp_path / "missing")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "a.jpg")
    os.mkfifo(tmp_path / "fifo")
    assert walk(tmp_path) == ["a.jpg", "link.jpg", "sub/b.jpg"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_what_the_system_refuses_is_told(tmp_path: Path) -> None:
    """A file is among the files, a folder is told as a folder; these stop even root."""
    fill(tmp_path, "a.jpg", "z.jpg")
    (tmp_path / "closed.jpg").symlink_to("x" * 300)
    closed = deeper_than_any_path(tmp_path / "deep")
    told: list[tuple[str, str]] = []
    walk_all = Walk(Filters(), tell_unreadable=lambda *each: told.append(each), is_sorted=True)
    found = [Path(each.path) for each in walk_all.find(str(tmp_path))]
    assert found == [tmp_path / "a.jpg", tmp_path / "closed.jpg", tmp_path / "z.jpg"]
    assert told == [(str(closed), "File name too long")]


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
