"""The part of a file that has arrived so far, and how the complete file gets its name.

Beside `NAME` lie `NAME.part`, `NAME.part.json` (the version that the part belongs to) and, once the
file is verified, `NAME.sha256`.
"""

import dataclasses
import json
import shutil
from pathlib import Path

from taskworker_classifyimage.atomic_file import rename_flushed, write_atomically
from taskworker_classifyimage.errors import ModelError
from taskworker_classifyimage.model_file import digest, write_checksum


@dataclasses.dataclass(frozen=True, slots=True)
class Version:
    """Which version of a file the server has, as far as it says.

    Attributes:
        validator: for `If-Range`: a strong ETag, or else the date of the last change.
        size_bytes: of the whole file.
        md5: of the whole file, hexadecimal.
    """

    validator: str | None = None
    size_bytes: int | None = None
    md5: str | None = None


class PartFile:
    """The part of one file that has arrived; only the holder of the file's lock may use it."""

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(f"{target.name}.part")
        self._target = target
        self._version_path = target.with_name(f"{target.name}.part.json")

    @property
    def size_bytes(self) -> int:
        """How much has arrived."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def version(self) -> Version:
        """The version that the part belongs to, empty if that is not known."""
        try:
            return Version(**json.loads(self._version_path.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return Version()

    def start_over(self, version: Version) -> None:
        """Empties the part; what is appended from now on belongs to this version."""
        # In this order, a power cut leaves no old bytes under the new version's name.
        write_atomically(self.path, b"")
        write_atomically(self._version_path, json.dumps(dataclasses.asdict(version)).encode())

    def adopt(self) -> None:
        """Makes the file under the final name a complete part, yet to be verified."""
        self.start_over(Version(size_bytes=self._target.stat().st_size))
        self._target.replace(self.path)

    def append(self, content: bytes) -> None:
        """Adds bytes; they are in the file when this returns, and survive the process."""
        with self.path.open("ab") as stream:
            stream.write(content)

    def check_space(self, more_bytes: int) -> None:
        """Raises ModelError if there is no room for so many bytes."""
        folder = self.path.parent
        free_bytes = shutil.disk_usage(folder).free
        if free_bytes < more_bytes:
            raise ModelError(
                f"{folder}: {self._target.name} needs {more_bytes / 1e6:.0f} MB more, "
                f"{free_bytes / 1e6:.0f} MB are free; make room, or name another folder"
            )

    def discard(self) -> None:
        """Removes the part."""
        self.path.unlink(missing_ok=True)
        self._version_path.unlink(missing_ok=True)

    def place(self) -> None:
        """Gives the part, which has been verified, its final name."""
        # The checksum comes first: a file under the final name is never without one.
        write_checksum(self._target, digest(self.path, "sha256"))
        rename_flushed(self.path, self._target)
        self.discard()
