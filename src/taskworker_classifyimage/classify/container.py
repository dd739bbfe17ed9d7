"""Where a model pack's files lie: a folder, or a zip that is read without being unpacked."""

import zipfile
from pathlib import Path
from typing import Final

from taskworker_classifyimage.errors import ModelError

#: A protobuf message, which an ONNX file is, cannot be larger.
MODEL_LIMIT_BYTES: Final = 2**31
DESCRIPTION_LIMIT_BYTES: Final = 4 * 2**20


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
        if pack.is_dir():
            return _read_file(pack / name, limit_bytes)
        with zipfile.ZipFile(pack) as archive:
            return _read_zipped(archive, f"{pack}: {name}", name, limit_bytes)
    except zipfile.BadZipFile as err:
        raise ModelError(f"{pack} is no folder and no zip: {err}") from None
    except OSError as err:
        raise ModelError(f"{pack}: {name}: {err.strerror or err}") from None


def _read_file(path: Path, limit_bytes: int) -> bytes:
    with path.open("rb") as file:
        content = file.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        raise ModelError(f"{path} has more than {limit_bytes} bytes")
    return content


def _read_zipped(archive: zipfile.ZipFile, where: str, name: str, limit_bytes: int) -> bytes:
    try:
        with archive.open(name) as file:
            content = file.read(limit_bytes + 1)
    except (KeyError, RuntimeError, NotImplementedError, EOFError, ValueError) as err:
        # Missing, encrypted, packed in an unknown way, or cut off.
        raise ModelError(f"{where} cannot be read: {err}") from None
    if len(content) > limit_bytes:
        raise ModelError(f"{where} has more than {limit_bytes} bytes")
    return content
