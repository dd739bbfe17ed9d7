"""How a pool counts the decoders that a picture kills, also across restarts of the worker."""

from pathlib import Path

from support.pools import outcome, poison_pool
from taskworker_classifyimage.sandbox.deaths import Deaths


def test_a_death_before_a_restart_counts(tmp_path: Path) -> None:
    """After a worker that was killed after a picture's first death, the second one is enough."""
    assert Deaths(tmp_path).add(b"crash") == 1
    with poison_pool(notes=tmp_path) as pool:
        # A third would have died if the picture had been tried twice.
        assert "ended 2 processes" in outcome(pool, b"crash")[1]


def test_no_file_stays_when_there_is_an_answer(tmp_path: Path) -> None:
    """Pictures leave no trace, and a client that asks again gets two attempts again."""
    with poison_pool(notes=tmp_path / "deaths") as pool:
        outcome(pool, b"crash")
        assert list((tmp_path / "deaths").iterdir()) == []
        assert "ended 2 processes" in outcome(pool, b"crash")[1]


def test_no_file_from_before_a_restart_stays_when_there_is_an_answer(tmp_path: Path) -> None:
    """Whether the picture is decoded this time or refused; files of other pictures stay."""
    for picture in (b"fine", b"refuse a reason", b"another"):
        Deaths(tmp_path).add(picture)
    with poison_pool(notes=tmp_path) as pool:
        outcome(pool, b"fine")
        outcome(pool, b"refuse a reason")
        outcome(pool, b"fine again")
    assert len(list(tmp_path.iterdir())) == 1
