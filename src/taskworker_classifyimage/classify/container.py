"""Where a model pack's files lie: a folder, or a zip that is read without being unpacked."""

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
        limit_bytes: more is refused before it is read, however small it was packed.

    Raises:
        ModelError: it is missing, unreadable or too large; the message names the file.
    """
    try:
        with _open_member(pack, name) as stream:
            content = stream.read(limit_bytes + 1)
    except OSError as err:
        raise ModelError(f"{pack}: {name}: {err.strerror or err}") from None
    except _UNREADABLE as err:
        raise ModelError(f"{pack}: {name} cannot be read: {err}") from None
    if len(content) > limit_bytes:
        raise ModelError(f"{pack}: {name} has more than {limit_bytes} bytes")
    return content


@contextmanager
def _open_member(pack: Path, name: str) -> Iterator[IO[bytes]]:
    if pack.is_dir():
        with (pack / name).open("rb") as stream:
            yield stream
        return
    try:
        archive = zipfile.ZipFile(pack)
    except zipfile.BadZipFile as err:
        raise ModelError(f"{pack} is no folder and no zip: {err}") from None
    with archive, archive.open(name) as stream:
        yield stream
