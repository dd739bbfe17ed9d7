"""Where a pack is made: beside its place, so that only a finished one is ever there."""

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from taskworker_classifyimage.errors import ConfigError


def refuse_taken(output: Path) -> None:
    """Says early what would come in the way at the end.

    Raises:
        ConfigError: something is there already, or the folder around it is not.
    """
    if output.exists():
        raise ConfigError(f"--output: {output} is there already; name another, or remove it")
    if not output.parent.is_dir():
        raise ConfigError(f"--output: there is no folder {output.parent}")


@contextmanager
def unfinished_pack(output: Path) -> Iterator[Path]:
    """A folder that becomes `output`, a folder or a zip, if all goes well, and else is removed.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        with tempfile.TemporaryDirectory(
            prefix=".unfinished-", dir=output.parent, ignore_cleanup_errors=True
        ) as temporary:
            folder = Path(temporary) / "pack"
            folder.mkdir()
            yield folder
            finished = _zipped(folder) if output.suffix == ".zip" else folder
            finished.rename(output)
    except OSError as err:
        raise ConfigError(f"--output: {output} cannot be written: {err.strerror or err}") from err


def _zipped(folder: Path) -> Path:
    """Not packed: weights hardly shrink, and every start would unpack them."""
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for member in sorted(folder.iterdir()):
            archive.write(member, member.name)
    return path
