"""Where a model pack's files lie: a folder, or a zip that is read without being unpacked."""

import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from taskworker_classifyimage.errors import ModelError

#: A protobuf message, which an ONNX file is, cannot be larger.
MODEL_LIMIT_BYTES: Final = 2**31
DESCRIPTION_LIMIT_BYTES: Final = 4 * 2**20

_PACKINGS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

#: A zip's member is missing, damaged, cut off, encrypted, or packed in an unknown way.
_UNREADABLE: Final = (
    KeyError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    RuntimeError,
    NotImplementedError,
    ValueError,
)


def read_member(pack: Path, name: str, limit_bytes: int) -> bytes:
    """The bytes of a pack's file.

    Args:
        pack: a folder, or a zip with the files at its top.
        name: the file's name in it; never from the pack itself.
        limit_bytes: more is refused, before it is read where the size is known.

    Raises:
        ModelError: it is missing, unreadable or too large; the message names the file.
    """
    try:
        with _open_member(pack, name) as (stream, stated_bytes):
            # What is stated may be a lie, in a zip; what is read is counted all the same.
            content = b"" if stated_bytes > limit_bytes else stream.read(limit_bytes + 1)
    except OSError as err:
        raise ModelError(f"{pack}: {name}: {err.strerror or err}") from None
    except _UNREADABLE as err:
        raise ModelError(f"{pack}: {name} cannot be read: {err}") from None
    if max(len(content), stated_bytes) > limit_bytes:
        raise ModelError(f"{pack}: {name} has more than {limit_bytes} bytes")
    return content


@contextmanager
def _open_member(pack: Path, name: str) -> Iterator[tuple[IO[bytes], int]]:
    """The stream, and how many bytes it is said to have."""
    if pack.is_dir():
        about = (pack / name).stat()
        if not stat.S_ISREG(about.st_mode):
            # A pipe would be waited for, a device never ends.
            raise ModelError(f"{pack}: {name} is no file")
        with (pack / name).open("rb") as stream:
            yield stream, about.st_size
        return
    try:
        archive = zipfile.ZipFile(pack)
    except zipfile.BadZipFile as err:
        raise ModelError(
            f"{pack} is no folder and no zip: {err}; 'models pack' makes one of a network in a file"
        ) from None
    with archive:
        member = archive.getinfo(name)
        if member.compress_type not in _PACKINGS:
            # Others have errors of their own, and may want gigabytes to unpack a little.
            raise ModelError(f"{pack}: {name} is packed in a rare way; store or deflate it")
        with archive.open(member) as stream:
            yield stream, member.file_size
