"""Writing a file so that a crash or a power cut leaves the old content or the new, never a part."""

import os
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Writes `NAME.part` beside the file, flushes it to disk and renames it.

    Raises:
        OSError: the file cannot be written; an older version of it is unchanged.
    """
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    rename_flushed(part, path)


def rename_flushed(part: Path, path: Path) -> None:
    """Flushes a complete file to disk before it takes the place of another.

    Raises:
        OSError: it cannot be flushed or renamed.
    """
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    part.replace(path)
    flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Makes renames in a folder survive a power cut; does nothing on Windows, which has no way."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
