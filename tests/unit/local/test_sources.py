import io
import os
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskworker_classifyimage.errors import ConfigError, DamagedPicture
from taskworker_classifyimage.local import archives
from taskworker_classifyimage.local.filters import Filters
from taskworker_classifyimage.local.found import Found, read_member
from taskworker_classifyimage.local.sources import Sources
from taskworker_classifyimage.local.walk import Walk


def find(*paths: str, files_from: Path | None = None, looks: bool = False) -> list[Found]:
    walk = Walk(Filters(), is_sorted=True)
    listed = None if files_from is None else str(files_from)
    return list(Sources(paths, walk, listed, looks).find())


def read_all(archive: Path) -> dict[str, bytes | str]:
    """Members by their names below the archive: what they hold, or the code of their problem."""
    walk, read = Walk(Filters()), dict[str, bytes | str]()
    for found in Sources([str(archive)], walk, looks_into_archives=True).find():
        name = found.path.removeprefix(f"{archive}{os.sep}")
        if found.open_member is None:
            assert found.problem is not None
            read[name] = str(found.problem.code)
        else:
            read[name] = read_member(found.open_member, found.size_bytes or 0)
    return read


def test_a_named_file_is_taken_even_if_it_is_hidden(tmp_path: Path) -> None:
    (tmp_path / ".a.jpg").write_bytes(b"1")
    assert [found.size_bytes for found in find(str(tmp_path / ".a.jpg"))] == [1]


def test_patterns_are_expanded_and_files_whose_names_look_like_one_are_not(tmp_path: Path) -> None:
    for name in ("a1.jpg", "a2.jpg", "[b].jpg"):
        (tmp_path / name).write_bytes(b"1")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a3.jpg").write_bytes(b"1")

    def names(pattern: str) -> list[str]:
        return sorted(Path(found.path).name for found in find(str(tmp_path / pattern)))

    assert names("a*.jpg") == ["a1.jpg", "a2.jpg"]
    assert names("**/a*.jpg") == ["a1.jpg", "a2.jpg", "a3.jpg"]
    assert names("[b].jpg") == ["[b].jpg"]


@pytest.mark.parametrize(
    ("path", "problem"),
    [("missing.jpg", "missing.jpg does not exist"), ("m*.jpg", "no file matches m*.jpg")],
)
def test_what_is_not_there_is_told_before_anything_starts(path: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem.replace("*", r"\*")):
        Sources([path], Walk(Filters())).check()


NAMES = st.binary(min_size=1, max_size=20).filter(
    lambda raw: not set(raw) & set(b"\0\n\r*?[/") and raw != b"-"
)


@pytest.mark.skipif(sys.platform == "win32", reason="paths are bytes on POSIX")
@given(st.lists(NAMES, max_size=20), st.sampled_from([b"\n", b"\r\n", b"\0"]), st.booleans())
def test_lists_are_separated_by_lines_or_zero_bytes(
    tmp_path_factory: pytest.TempPathFactory, names: list[bytes], end: bytes, ends: bool
) -> None:
    """With and without an end after the last path."""
    listed = tmp_path_factory.getbasetemp() / "list.txt"
    text = end.join(names) + (end if ends else b"")
    if end == b"\0" and len(names) == 1 and not ends:
        text += end
    listed.write_bytes(text)
    found = find(files_from=listed)
    # What is in this folder may happen to have such a name.
    expected = [name for name in names if not Path(os.fsdecode(name)).exists()]
    assert [os.fsencode(each.path) for each in found if each.size_bytes is None] == expected


def test_a_list_may_be_longer_than_is_read_at_once(tmp_path: Path) -> None:
    paths = [f"/no/such/folder/{number:05d}" for number in range(20_000)]
    (tmp_path / "list").write_text("\n".join(paths))
    assert [found.path for found in find(files_from=tmp_path / "list")] == paths


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.bz2", "stored.zip"])
def test_members_of_archives_are_read_in_place(tmp_path: Path, kind: str) -> None:
    archive, members = tmp_path / f"a.{kind}", {"x/1.jpg": b"one", "2.jpg": b"two" * 9999}
    if kind.endswith("zip"):
        method = zipfile.ZIP_STORED if kind == "stored.zip" else zipfile.ZIP_DEFLATED
        with zipfile.ZipFile(archive, "w", method) as packed:
            packed.mkdir("empty folder")
            for name, content in members.items():
                packed.writestr(name, content)
    else:
        packing = {"tar": "w:", "tar.gz": "w:gz", "tar.bz2": "w:bz2"}[kind]
        with tarfile.open(archive, packing) as tar:  # type: ignore[call-overload] # a known mode
            for name, content in members.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
            link = tarfile.TarInfo("link")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            tar.addfile(link)
    assert read_all(archive) == members


def test_without_the_flag_an_archive_is_a_file(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("1.jpg", b"one")
    assert [found.path for found in find(str(archive))] == [str(archive)]


def test_a_damaged_archive_is_one_problem_and_what_came_before_is_there(tmp_path: Path) -> None:
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as tar:
        for name in ("1", "2"):
            member = tarfile.TarInfo(name)
            member.size = 1000
            tar.addfile(member, io.BytesIO(b"x" * 1000))
    content = bytearray(archive.read_bytes())
    content[1536:2048] = b"\xff" * 512
    archive.write_bytes(content)
    assert read_all(archive) == {"1": b"x" * 1000, str(archive): "damaged"}
    (tmp_path / "b.zip").write_bytes(b"PK no zip")
    assert read_all(tmp_path / "b.zip") == {str(tmp_path / "b.zip"): "damaged"}


def test_a_member_whose_size_is_a_lie_is_damaged(tmp_path: Path) -> None:
    """No more is read than the archive says."""
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("1", b"x" * 100_000)
    content = archive.read_bytes().replace(
        (100_000).to_bytes(4, "little"), (10).to_bytes(4, "little")
    )
    archive.write_bytes(content)
    with pytest.raises(DamagedPicture, match="Bad CRC-32"):
        read_all(archive)


def test_an_archive_without_bounds_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what it unpacks to, by the number of its members, and by the length of their list."""
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for number in range(3):
            packed.writestr(str(number), b"0" * 10_000)
    whole = {str(number): b"0" * 10_000 for number in range(3)}
    assert read_all(archive) == whole
    for name, value, kept in (
        ("_USUAL_BYTES", -200 * archive.stat().st_size + 15_000, 1),
        ("_MOST_MEMBERS", 2, 2),
        ("_MOST_LIST_BYTES", 100, 0),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(archives, name, value)
            read = read_all(archive)
        assert read.pop(str(archive)) == "too_large"
        assert len(read) == kept


def test_methods_that_take_gigabytes_are_not_read(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_LZMA) as packed:
        packed.writestr("1", b"x" * 1000)
    assert read_all(archive) == {"1": "unsupported_format"}
