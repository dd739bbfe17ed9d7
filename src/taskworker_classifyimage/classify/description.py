"""Reads a pack's `model.toml`: every key checked, every mistake named."""

import re
import tomllib
from pathlib import Path
from typing import Any, Final, Literal, NoReturn, TypeVar

from taskworker_classifyimage.classify.container import DESCRIPTION_LIMIT_BYTES, read_member
from taskworker_classifyimage.classify.model import ILSVRC2012, OwnClasses
from taskworker_classifyimage.classify.model_pack import (
    DESCRIPTION_FILE,
    ModelPack,
    TensorSpec,
    Triple,
)
from taskworker_classifyimage.errors import ModelError
from taskworker_classifyimage.input_spec import SIDES, InputSpec, Resize

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LANGUAGE: Final = re.compile(r"[a-z]{2,8}(-[A-Za-z0-9]{1,8}){0,8}")
_MOST_CLASSES: Final = 100_000
#: Of a scaling's numbers: float32 holds little more.
_LARGEST: Final = 1e38

_DTYPES: Final[tuple[Literal["uint8", "float32"], ...]] = ("uint8", "float32")
_RESIZES: Final[tuple[Resize, ...]] = ("nearest", "bilinear", "bicubic", "lanczos")

T = TypeVar("T")


def read_pack(path: Path) -> ModelPack:
    """Reads the description of the pack in a folder or a zip; the network itself is read later.

    Raises:
        ModelError: a key is missing or wrong; the message names the file and the key.
    """
    where = f"{path}: {DESCRIPTION_FILE}"
    content = read_member(path, DESCRIPTION_FILE, DESCRIPTION_LIMIT_BYTES)
    return _Description(where, _table(where, content)).pack(path)


def read_classes(path: Path) -> OwnClasses | None:
    """The classes in a TOML file that has the section `output` of a description.

    Returns:
        None for those of ILSVRC2012.

    Raises:
        ModelError: the file is missing, or a key is; the message names both.
    """
    content = read_member(path.parent, path.name, DESCRIPTION_LIMIT_BYTES)
    return _Description(str(path), _table(str(path), content)).classes()


def _table(where: str, content: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as err:
        # ValueError: of TOML, of UTF-8, and of Python for a number of thousands of digits.
        raise ModelError(f"{where} is no TOML: {err}") from None


class _Description:
    """Takes values out of the table by keys such as "input.size"."""

    def __init__(self, where: str, table: dict[str, Any]) -> None:
        self._where = where
        self._table = table

    def pack(self, path: Path) -> ModelPack:
        name, sha256 = self._text("name"), self._text("sha256")
        if not _NAME.fullmatch(name):
            self._refuse("name", "must be letters, digits, '.', '_' and '-'")
        if not re.fullmatch(r"[0-9a-f]{64}", sha256):
            self._refuse("sha256", "must be 64 hexadecimal digits")
        top1 = None
        if self._find("published_top1") is not None:
            top1 = self._number("published_top1", 0, 1)
        return ModelPack(
            name=name,
            version=self._text("version"),
            licence=self._text("licence"),
            source=self._text("source"),
            published_top1=top1,
            saturation_safe=self._find("saturation_safe") is True,
            sha256=sha256,
            input=self._input(),
            tensor=self._tensor(),
            output=self._one_of("output.kind", ("logits", "probabilities")),
            classes=self.classes(),
            path=path,
        )

    def _input(self) -> InputSpec:
        size = self._number("input.size", *SIDES)
        if size % 1:
            self._refuse("input.size", "must be a whole number")
        stretch = self._find("input.crop") == "none"
        return InputSpec(
            size=int(size),
            crop=None if stretch else self._number("input.crop", 0.1, 1),
            resize=self._one_of("input.resize", _RESIZES),
        )

    def _tensor(self) -> TensorSpec:
        dtype = self._one_of("input.dtype", _DTYPES)
        subtract, divide = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
        if self._find("input.scaling") != "none":
            if dtype == "uint8":
                self._refuse("input.scaling", 'must be "none" for uint8')
            subtract = self._triple("input.scaling.subtract")
            divide = self._triple("input.scaling.divide")
            if 0.0 in divide:
                self._refuse("input.scaling.divide", "must not be 0")
        return TensorSpec(
            dtype=dtype,
            layout=self._one_of("input.layout", ("NHWC", "NCHW")),
            colours=self._one_of("input.colours", ("RGB", "BGR")),
            subtract=subtract,
            divide=divide,
        )

    def classes(self) -> OwnClasses | None:
        classes = self._value("output.classes")
        if classes == ILSVRC2012:
            return None
        ids = self._texts("output.classes")
        if len(set(ids)) != len(ids):
            self._refuse("output.classes", "names a class twice")
        listed, names = self._find("output.names"), dict[str, tuple[str, ...]]()
        if not isinstance(listed, dict | None):
            self._refuse("output.names", "must be a table of lists, by language")
        for language in listed or ():
            key = f"output.names.{language}"
            if not _LANGUAGE.fullmatch(language):
                self._refuse(key, "is no language tag such as 'de'")
            names[language] = self._texts(key)
            if len(names[language]) != len(ids):
                self._refuse(key, f"has {len(names[language])} names for {len(ids)} classes")
        return OwnClasses(ids, names)

    def _find(self, key: str) -> Any:
        """The value, None if it is not there."""
        value: Any = self._table
        for part in key.split("."):
            if not isinstance(value, dict):
                return None
            value = value.get(part)
        return value

    def _value(self, key: str) -> Any:
        value = self._find(key)
        if value is None:
            self._refuse(key, "is missing")
        return value

    def _text(self, key: str) -> str:
        return self._checked_text(key, self._value(key))

    def _texts(self, key: str) -> tuple[str, ...]:
        values = self._value(key)
        if not isinstance(values, list) or not 1 <= len(values) <= _MOST_CLASSES:
            self._refuse(key, f'must be a list of 1 to {_MOST_CLASSES} texts, or "{ILSVRC2012}"')
        return tuple(self._checked_text(key, value) for value in values)

    def _checked_text(self, key: str, value: object) -> str:
        if not isinstance(value, str) or not 1 <= len(value) <= 500 or not value.isprintable():
            self._refuse(key, "must be 1 to 500 printable characters")
        return value

    def _number(self, key: str, least: float, most: float) -> float:
        value = self._value(key)
        if not isinstance(value, int | float) or isinstance(value, bool):
            self._refuse(key, "must be a number")
        if not least <= value <= most:
            self._refuse(key, f"must be from {least} to {most}")
        return float(value)

    def _triple(self, key: str) -> Triple:
        values = self._value(key)
        if not isinstance(values, list) or len(values) != 3:
            self._refuse(key, "must be three numbers")
        for value in values:
            if not isinstance(value, int | float) or not abs(value) <= _LARGEST:
                self._refuse(key, f"must be three numbers, none beyond {_LARGEST:g}")
        return (float(values[0]), float(values[1]), float(values[2]))

    def _one_of(self, key: str, choices: tuple[T, ...]) -> T:
        value = self._value(key)
        for choice in choices:
            if value == choice:
                return choice
        listed = ", ".join(repr(choice) for choice in choices)
        return self._refuse(key, f"must be one of {listed}")

    def _refuse(self, key: str, problem: str) -> NoReturn:
        raise ModelError(f"{self._where}: {key} {problem}")
