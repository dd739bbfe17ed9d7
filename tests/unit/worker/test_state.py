from pathlib import Path

import pytest

from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.worker.state import lock_state_folder


def test_a_name_has_one_process_a_bridge(tmp_path: Path) -> None:
    """Another name, another bridge, or the same one later are all right."""
    with lock_state_folder(tmp_path, "http://a", "w") as first:
        with lock_state_folder(tmp_path, "http://b", "w") as other_bridge:
            assert other_bridge not in (None, first)
        with lock_state_folder(tmp_path, "http://a", "v") as other_name:
            assert other_name not in (None, first)
        with (
            pytest.raises(ConfigError, match="'w' works for http://a on this machine already"),
            lock_state_folder(tmp_path, "http://a", "w"),
        ):
            pass
    with lock_state_folder(tmp_path, "http://a", "w") as again:
        assert again == first


def test_a_hostile_name_stays_in_the_folder(tmp_path: Path) -> None:
    """A worker's name may be anything that can be printed."""
    with lock_state_folder(tmp_path / "state", "http://a/../..", "../../w") as folder:
        assert folder is not None
        assert folder.parent == tmp_path / "state"


def test_without_a_place_to_write_it_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A read-only container has none; the operator is told what that means."""
    (tmp_path / "file").write_bytes(b"")
    for state in (None, tmp_path / "file"):
        caplog.clear()
        with lock_state_folder(state, "http://a", "w") as folder:
            assert folder is None
        assert "in memory only" in caplog.text
