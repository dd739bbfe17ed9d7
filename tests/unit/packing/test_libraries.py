from pathlib import Path

import pytest

from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.packing.libraries import import_library


def test_a_library_that_is_not_installed_is_one_line() -> None:
    """With the command that installs it."""
    with pytest.raises(ConfigError, match=r"no_such_library is not installed: .*\[timm\]"):
        import_library("no_such_library", "timm")


def test_a_broken_installation_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """torchvision raises RuntimeError if it was built for another torch."""
    (tmp_path / "broken_library.py").write_text("raise RuntimeError('no operator\\nnms')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match="broken_library cannot be imported: no operator nms;"):
        import_library("broken_library", "timm")
