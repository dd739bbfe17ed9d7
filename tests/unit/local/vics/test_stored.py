import os
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from taskworker_classifyimage.local.vics.stored import PathRefused, StoredFiles

posix = pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
with_case = pytest.mark.skipif(sys.platform != "linux", reason="other systems ignore capitals")

#: What may stand in a path, and what leads out of a folder.
PARTS = st.sampled_from(
    ["..", ".", "", "...", ".. ", "a", "Files", "c:", "C:", "~", "\0", "\ud800"]
)
PATHS = st.lists(PARTS, max_size=6).flatmap(
    lambda parts: st.sampled_from("/\\").map(lambda divider: divider.join(parts))
)


def make(folder: Path, *names: str) -> StoredFiles:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return StoredFiles(folder)


@pytest.mark.parametrize(
    "named", [r"Files\a.jpg", "Files/a.jpg", r".\Files\\a.jpg", "Files//a.jpg"]
)
def test_both_dividers_are_understood(tmp_path: Path, named: str) -> None:
    assert make(tmp_path, "Files/a.jpg").find(named) == str(tmp_path / "Files" / "a.jpg")


@with_case
@pytest.mark.parametrize(
    "named", [r"FILES\A.JPG", r"files\a.jpg", "files\\\N{LATIN SMALL LETTER E}\u0301.jpg"]
)
def test_capitals_and_accents_may_differ(tmp_path: Path, named: str) -> None:
    stored = make(tmp_path, "Files/a.jpg", "Files/\N{LATIN SMALL LETTER E WITH ACUTE}.jpg")
    assert Path(stored.find(named)).is_file()


@with_case
def test_the_exact_name_is_preferred_and_nothing_is_guessed(tmp_path: Path) -> None:
    """Of two files that differ in capitals only, neither is a third one."""
    stored = make(tmp_path, "a.jpg", "A.jpg")
    assert stored.find("A.jpg") == str(tmp_path / "A.jpg")
    assert stored.find("a.JPG") == str(tmp_path / "a.JPG")


def test_a_path_may_begin_with_the_folder_itself(tmp_path: Path) -> None:
    """For a user who names the folder of the files, not the one above it."""
    stored = make(tmp_path / "VIC_Files", "a.jpg", "below/b.jpg")
    assert stored.find(r"VIC_Files\a.jpg") == str(tmp_path / "VIC_Files" / "a.jpg")
    assert stored.find(r"vic_files\below\b.jpg") == str(tmp_path / "VIC_Files" / "below" / "b.jpg")
    assert stored.find(r"VIC_Files") == str(tmp_path / "VIC_Files" / "VIC_Files")


def test_a_missing_file_is_told_where_it_should_be(tmp_path: Path) -> None:
    assert make(tmp_path, "a").find(r"Files\b") == str(tmp_path / "Files" / "b")
    assert make(tmp_path, "a").find(r"a\b") == str(tmp_path / "a" / "b")


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        (r"..\..\etc\passwd", "leads out of the folder"),
        ("Files/../../x", "leads out of the folder"),
        (r"Files\..", "leads out of the folder"),
        (r"Files\.. \x", "leads out of the folder"),
        (r"Files\...\x", "leads out of the folder"),
        ("/etc/passwd", "is not relative"),
        (r"\\server\share\x", "is not relative"),
        (r"C:\Windows\x", "is not relative"),
        ("c:x", "is not relative"),
        ("", "is no path"),
        (".", "is no path"),
        ("a\0b", "is no path"),
    ],
)
def test_paths_that_lead_elsewhere_are_refused(tmp_path: Path, named: str, reason: str) -> None:
    with pytest.raises(PathRefused) as caught:
        make(tmp_path / "case", "Files/a").find(named)
    assert str(caught.value) == reason


@given(PATHS)
@example("..")
def test_no_path_leads_out_of_the_folder(named: str) -> None:
    try:
        found = StoredFiles(Path("/nowhere/case")).find(named)
    except PathRefused:
        return
    inside = os.path.normpath("/nowhere/case")
    assert os.path.normpath(found).startswith(inside + os.sep)


@posix
def test_links_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    """To a file and to a folder; those that stay inside, and a folder that is a link, are fine."""
    stored = make(tmp_path / "case", "Files/a")
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "b").write_bytes(b"")
    (tmp_path / "case/Files/file").symlink_to(secret / "b")
    (tmp_path / "case/Files/folder").symlink_to(secret)
    (tmp_path / "case/Files/inside").symlink_to("a")
    (tmp_path / "case/Files/nowhere").symlink_to("../../gone")
    (tmp_path / "link").symlink_to(tmp_path / "case")
    for named in (r"Files\file", r"Files\folder\b", r"Files\FOLDER\B", r"Files\nowhere"):
        with pytest.raises(PathRefused, match="is a link out of the folder"):
            stored.find(named)
    assert stored.find(r"Files\inside") == str(tmp_path / "case" / "Files" / "inside")
    assert StoredFiles(tmp_path / "link").find(r"Files\a") == str(tmp_path / "link" / "Files" / "a")
