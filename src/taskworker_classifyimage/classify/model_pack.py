"""A model pack: `model.onnx` and the `model.toml` that describes it, in a folder or a zip.

The built-in models are packs too, so there is one format and one loader. docs/model-packs.md
describes it for people who make their own. A zip is read without being unpacked.
"""

import hashlib
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Literal

import numpy as np
import numpy.typing as npt

from taskworker_classifyimage.classify.base import Images, Model, OutputKind
from taskworker_classifyimage.errors import ModelError

MODEL_FILE: Final = "model.onnx"
DESCRIPTION_FILE: Final = "model.toml"
#: An ONNX file is a protobuf message, which cannot be larger.
MODEL_LIMIT_BYTES: Final = 2**31
DESCRIPTION_LIMIT_BYTES: Final = 4 * 2**20

#: Other methods raise errors of their own, and some need gigabytes to unpack a few bytes.
ZIP_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
#: A file in a zip is missing, damaged, cut off, encrypted, or compressed in an unknown way.
ZIP_ERRORS: Final = (KeyError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """How the network's input represents a picture.

    Attributes:
        dtype: of the input; uint8 is never scaled.
        layout: order of the axes.
        colours: order of the channels.
        subtract: taken off each value (0 to 255), by channel in the order of `colours`.
        divide: divides the remainder.
    """

    dtype: Literal["uint8", "float32"] = "uint8"
    layout: Literal["NHWC", "NCHW"] = "NHWC"
    colours: Literal["RGB", "BGR"] = "RGB"
    subtract: Triple = (0.0, 0.0, 0.0)
    divide: Triple = (1.0, 1.0, 1.0)

    def convert(self, images: Images) -> npt.NDArray[np.uint8] | npt.NDArray[np.float32]:
        """(N, S, S, 3) uint8 RGB to the tensor: (N, S, S, 3) or (N, 3, S, S), uint8 or float32."""
        ordered = images if self.colours == "RGB" else images[..., ::-1]
        axes = (0, 1, 2, 3) if self.layout == "NHWC" else (0, 3, 1, 2)
        if self.dtype == "uint8":
            return np.ascontiguousarray(ordered.transpose(axes))
        scaled = ordered.astype(np.float32)
        scaled -= np.array(self.subtract, dtype=np.float32)
        scaled /= np.array(self.divide, dtype=np.float32)
        return np.ascontiguousarray(scaled.transpose(axes))


@dataclass(frozen=True, slots=True)
class ModelPack(Model):
    """A model pack on disk, with its description read and its network not yet.

    Attributes:
        saturation_safe: whether sums of its 8-bit products fit the 16 bits in which CPUs with AVX2
            and without VNNI add them up; without effect for a float network.
        output: what the network's scores are, and so whether they need a softmax or a sigmoid.
        path: the folder or the zip.
    """

    saturation_safe: bool
    tensor: TensorSpec
    output: OutputKind
    path: Path

    def read_verified(self) -> bytes:
        """Reads the ONNX file; the bytes returned are the ones whose checksum was compared.

        Raises:
            ModelError: the file is missing or is not the one described.
        """
        content = read_member(self.path, MODEL_FILE, MODEL_LIMIT_BYTES)
        found = hashlib.sha256(content).hexdigest()
        if found != self.sha256:
            raise ModelError(
                f"{self.path}: {MODEL_FILE} is damaged: its SHA-256 is {found[:12]}..., "
                f"{DESCRIPTION_FILE} says {self.sha256[:12]}...; install it again"
            )
        return content


def has_member(pack: Path, name: str) -> bool:
    """Whether a pack has a file of this name; one that cannot be read has none."""
    if pack.is_dir():
        return (pack / name).exists()
    try:
        with zipfile.ZipFile(pack) as archive:
            return name in archive.namelist()
    except (OSError, *ZIP_ERRORS):
        return False


def read_member(pack: Path, name: str, limit_bytes: int) -> bytes:
    """Reads one file of a pack.

    Args:
        pack: a folder, or a zip with the files at its top.
        name: the file's name in it; never taken from the pack itself.
        limit_bytes: a larger file is refused, unread if its size is known.

    Raises:
        ModelError: it is missing, unreadable or too large; the message names the file.
    """
    try:
        with _open_member(pack, name) as (stream, stated_bytes):
            if stated_bytes > limit_bytes:
                raise ModelError(f"{pack}: {name} has more than {limit_bytes} bytes")
            # Memory is taken for as much as is asked for; a byte more shows a wrong size.
            content = stream.read(stated_bytes + 1)
    except OSError as err:
        raise ModelError(f"{pack}: {name}: {err.strerror or err}") from None
    except ZIP_ERRORS as err:
        raise ModelError(f"{pack}: {name} cannot be read: {err}") from None
    if len(content) > stated_bytes:
        raise ModelError(f"{pack}: {name} has more bytes than are stated for it")
    return content


@contextmanager
def _open_member(pack: Path, name: str) -> Iterator[tuple[IO[bytes], int]]:
    """Opens a file of a pack; gives the stream and the size that is stated for it."""
    if pack.is_dir():
        status = (pack / name).stat()
        if not stat.S_ISREG(status.st_mode):
            # Opening a pipe would block, and a device may never end.
            raise ModelError(f"{pack}: {name} is not a regular file")
        with (pack / name).open("rb") as stream:
            yield stream, status.st_size
        return
    try:
        archive = zipfile.ZipFile(pack)
    except zipfile.BadZipFile as err:
        raise ModelError(
            f"{pack} is neither a folder nor a zip: {err}; 'models pack' makes a pack of a network"
        ) from None
    with archive:
        member = archive.getinfo(name)
        if member.compress_type not in ZIP_METHODS:
            raise ModelError(f"{pack}: {name} is compressed in a rare way; store or deflate it")
        with archive.open(member) as stream:
            yield stream, member.file_size
