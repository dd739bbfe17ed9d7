from pathlib import Path

from taskworker_classifyimage.sandbox.deaths import Deaths


def test_deaths_are_counted_even_if_no_file_can_be_written(tmp_path: Path) -> None:
    """In a read-only container, or where the folder is a file."""
    (tmp_path / "file").touch()
    for folder in (None, tmp_path / "file" / "deaths"):
        deaths = Deaths(folder)
        assert [deaths.add(b"a"), deaths.add(b"b"), deaths.add(b"a")] == [1, 1, 2]
        deaths.forget(b"a")
        assert deaths.add(b"a") == 1


def test_the_count_outlives_the_worker(tmp_path: Path) -> None:
    """One file per picture, named by its SHA-256, until there is an answer."""
    Deaths(tmp_path).add(b"a")
    assert Deaths(tmp_path).add(b"a") == 2
    Deaths(tmp_path).forget(b"a")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_read_counts_as_none(tmp_path: Path) -> None:
    """As after a disk that was full."""
    Deaths(tmp_path).add(b"a")
    (file,) = tmp_path.iterdir()
    file.write_text("", encoding="ascii")
    assert Deaths(tmp_path).add(b"a") == 1
