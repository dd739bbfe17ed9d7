"""A model pack: a folder with `model.onnx` and the `model.toml` that says how to use it.

The built-in models are packs too, so there is one format and one loader.
"""

import hashlib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from taskworker_classifyimage.errors import ModelError

MODEL_FILE: Final = "model.onnx"
DESCRIPTION_FILE: Final = "model.toml"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
#: What the classes of every built-in model are: the 1000 of ILSVRC2012 in order of synset id.
ILSVRC2012: Final = "ILSVRC2012"
ILSVRC2012_CLASSES: Final = 1000


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What the network wants to see: (N, size, size, 3) uint8 RGB, 0 to 255.

    Attributes:
        size: side of the square input, in pixels.
        crop: share of the picture's shorter side that the centre crop keeps, over 0 up to 1.
    """

    size: int
    crop: float


@dataclass(frozen=True, slots=True)
class ModelPack:
    """A described model on disk.

    Attributes:
        published_top1: accuracy on the ImageNet validation set as its publisher gives it, 0 to 1.
        saturation_safe: whether sums of its 8-bit products fit the 16 bits in which CPUs with AVX2
            and without VNNI add them up.
    """

    name: str
    version: str
    description: str
    licence: str
    source: str
    published_top1: float
    saturation_safe: bool
    sha256: str
    input: InputSpec
    folder: Path

    @property
    def model_path(self) -> Path:
        """The ONNX file."""
        return self.folder / MODEL_FILE

    def read_verified(self) -> bytes:
        """The ONNX file's bytes, the very ones whose checksum was compared.

        Raises:
            ModelError: the file is missing or is not the one described.
        """
        try:
            content = self.model_path.read_bytes()
        except OSError as err:
            raise ModelError(f"{self.model_path}: {err.strerror or err}") from None
        found = hashlib.sha256(content).hexdigest()
        if found != self.sha256:
            raise ModelError(
                f"{self.model_path} is damaged: its SHA-256 is {found[:12]}..., "
                f"{DESCRIPTION_FILE} says {self.sha256[:12]}...; install again"
            )
        return content


def read_pack(folder: Path) -> ModelPack:
    """Reads a pack's description; the network itself is read by `ModelPack.read_verified`.

    Raises:
        ModelError: a key is missing or wrong; the message names the file and the key.
    """
    path = folder / DESCRIPTION_FILE
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise ModelError(f"{path}: {err.strerror or err}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        raise ModelError(f"{path} is no TOML: {err}") from None
    return _Reader(path, table).pack(folder)


class _Reader:
    """Takes values out of a description and names the key that is wrong."""

    def __init__(self, path: Path, table: dict[str, Any]) -> None:
        self._path = path
        self._table = table

    def pack(self, folder: Path) -> ModelPack:
        self._require("input.dtype", "uint8")
        self._require("input.layout", "NHWC")
        self._require("input.colours", "RGB")
        self._require("input.scaling", "none")
        self._require("input.resize", "bicubic")
        self._require("output.kind", "logits")
        self._require("output.classes", ILSVRC2012)
        name, sha256 = self._text("name"), self._text("sha256")
        if not _NAME.fullmatch(name):
            raise self._wrong("name", "must be letters, digits, '.', '_' and '-'")
        if not re.fullmatch(r"[0-9a-f]{64}", sha256):
            raise self._wrong("sha256", "must be 64 hexadecimal digits")
        size, crop = self._number("input.size"), self._number("input.crop")
        if size % 1 or not 8 <= size <= 4096:
            raise self._wrong("input.size", "must be a whole number from 8 to 4096")
        if not 0.1 <= crop <= 1:
            raise self._wrong("input.crop", "must be from 0.1 to 1")
        return ModelPack(
            name=name,
            version=self._text("version"),
            description=self._text("description"),
            licence=self._text("licence"),
            source=self._text("source"),
            published_top1=self._number("published_top1"),
            saturation_safe=self._value("saturation_safe") is True,
            sha256=sha256,
            input=InputSpec(size=int(size), crop=crop),
            folder=folder,
        )

    def _value(self, key: str) -> object:
        value: object = self._table
        for part in key.split("."):
            if not isinstance(value, dict) or part not in value:
                raise self._wrong(key, "is missing")
            value = value[part]
        return value

    def _text(self, key: str) -> str:
        value = self._value(key)
        if not isinstance(value, str) or not value:
            raise self._wrong(key, "must be a text")
        return value

    def _number(self, key: str) -> float:
        value = self._value(key)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self._wrong(key, "must be a number")
        return float(value)

    def _require(self, key: str, only: str) -> None:
        if self._value(key) != only:
            raise self._wrong(key, f"must be {only!r}")

    def _wrong(self, key: str, problem: str) -> ModelError:
        return ModelError(f"{self._path}: {key} {problem}")
