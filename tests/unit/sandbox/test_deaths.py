from pathlib import Path

from support.pools import outcome, poison_pool
from taskworker_classifyimage.sandbox.deaths import Deaths


def test_a_death_in_an_earlier_life_counts(tmp_path: Path) -> None:
    """A worker that was killed after a picture's first death needs only the second one."""
    assert Deaths(tmp_path).add(b"crash") == 1
    with poison_pool(notes=tmp_path) as pool:
        # Had it been tried a second time, it would be three.
        assert "ended 2 processes" in outcome(pool, b"crash")[1]


def test_no_note_stays_when_there_is_an_answer(tmp_path: Path) -> None:
    """Pictures leave no trace, and who asks again later gets two tries again."""
    with poison_pool(notes=tmp_path / "deaths") as pool:
        outcome(pool, b"crash")
        assert list((tmp_path / "deaths").iterdir()) == []
        assert "ended 2 processes" in outcome(pool, b"crash")[1]


def test_no_note_of_an_earlier_life_stays_when_there_is_an_answer(tmp_path: Path) -> None:
    """Whether the picture is decoded this time or refused, and whatever else is noted."""
    for picture in (b"fine", b"refuse a reason", b"another"):
        Deaths(tmp_path).add(picture)
    with poison_pool(notes=tmp_path) as pool:
        outcome(pool, b"fine")
        outcome(pool, b"refuse a reason")
        outcome(pool, b"fine again")
    assert len(list(tmp_path.iterdir())) == 1


def test_without_a_place_to_write_deaths_are_counted_all_the_same(tmp_path: Path) -> None:
    """A read-only container, or a folder that is a file."""
    (tmp_path / "file").touch()
    for folder in (None, tmp_path / "file" / "deaths"):
        deaths = Deaths(folder)
        assert [deaths.add(b"a"), deaths.add(b"b"), deaths.add(b"a")] == [1, 1, 2]
        deaths.forget(b"a")
        assert deaths.add(b"a") == 1


def test_a_note_that_cannot_be_read_counts_nothing(tmp_path: Path) -> None:
    """A disk that was full when it was written."""
    Deaths(tmp_path).add(b"a")
    (note,) = tmp_path.iterdir()
    note.write_text("", encoding="ascii")
    assert Deaths(tmp_path).add(b"a") == 1
