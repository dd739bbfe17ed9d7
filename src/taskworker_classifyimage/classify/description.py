"""A pack's `model.toml`: reads it, naming the key of every mistake, and writes it.

A file with classes alone, which a user gives for a network, is read here too.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal, NoReturn, TypeVar, get_args

from taskworker_classifyimage.classify.base import (
    DEFAULT_THRESHOLD,
    ILSVRC2012,
    INDEPENDENT_KINDS,
    OutputKind,
    OwnClasses,
)
from taskworker_classifyimage.classify.class_lines import read_class_lines
from taskworker_classifyimage.classify.labels import LANGUAGE
from taskworker_classifyimage.classify.model_pack import (
    DESCRIPTION_FILE,
    DESCRIPTION_LIMIT_BYTES,
    ModelPack,
    TensorSpec,
    Triple,
    read_member,
)
from taskworker_classifyimage.errors import ModelError
from taskworker_classifyimage.input_spec import SIDES, InputSpec, Resize

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MOST_CLASSES: Final = 100_000
#: The temperatures that a network can need; others are mistakes.
TEMPERATURES: Final = (0.05, 20.0)
#: Limit for the numbers of a scaling: float32 holds little more.
_LARGEST: Final = 1e38

T = TypeVar("T")


def read_pack(path: Path) -> ModelPack:
    """Reads the description of the pack in a folder or a zip; the network itself is read later.

    Raises:
        ModelError: a key is missing or wrong; the message names the file and the key.
    """
    content = read_member(path, DESCRIPTION_FILE, DESCRIPTION_LIMIT_BYTES)
    table = _Table(f"{path}: {DESCRIPTION_FILE}", content)
    has_accuracy = table.find("published_top1") is not None
    return ModelPack(
        name=table.get_match("name", _NAME, "letters, digits, '.', '_' and '-'"),
        version=table.get_text("version"),
        licence=table.get_text("licence"),
        source=table.get_text("source"),
        published_top1=table.get_number("published_top1", 0, 1) if has_accuracy else None,
        saturation_safe=table.find("saturation_safe") is True,
        sha256=table.get_match("sha256", re.compile("[0-9a-f]{64}"), "64 hexadecimal digits"),
        input=_read_input(table),
        tensor=_read_tensor(table),
        output=table.get_choice("output.kind", get_args(OutputKind)),
        classes=_read_classes(table),
        temperature=_read_temperature(table),
        threshold=_read_threshold(table),
        labels_dir=None,
        path=path,
    )


def read_classes_file(path: Path) -> OwnClasses | None:
    """Reads the classes of a user's own network, in the order of its outputs.

    Args:
        path: a `.toml` file with the section `output` of a pack's description, such as a whole
            description; any other file has one class a line, see `read_class_lines`.

    Returns:
        None if the file says that they are those of ILSVRC2012.

    Raises:
        ModelError: the file is missing or wrong; the message says where, in one line.
    """
    content = read_member(path.parent, path.name, DESCRIPTION_LIMIT_BYTES)
    if path.suffix == ".toml":
        return _read_classes(_Table(str(path), content))
    return read_class_lines(content, str(path))


class _Table:
    """A TOML file's values by dotted keys such as "input.size"; `get_` refuses what is wrong."""

    def __init__(self, subject: str, content: bytes) -> None:
        self._subject = subject
        try:
            self._table = tomllib.loads(content.decode("utf-8"))
        except (ValueError, RecursionError) as err:
            # ValueError: bad TOML, bad UTF-8, or a number of thousands of digits.
            raise ModelError(f"{subject} is not valid TOML: {err}") from None

    def refuse(self, key: str, problem: str) -> NoReturn:
        raise ModelError(f"{self._subject}: {key} {problem}")

    def find(self, key: str) -> Any:
        """The value, None if there is none."""
        value: Any = self._table
        for part in key.split("."):
            if not isinstance(value, dict):
                return None
            value = value.get(part)
        return value

    def get(self, key: str) -> Any:
        value = self.find(key)
        if value is None:
            self.refuse(key, "is missing")
        return value

    def get_text(self, key: str) -> str:
        return self._check_text(key, self.get(key))

    def get_texts(self, key: str) -> tuple[str, ...]:
        values = self.get(key)
        if not isinstance(values, list) or not 1 <= len(values) <= _MOST_CLASSES:
            self.refuse(key, f'must be a list of 1 to {_MOST_CLASSES} texts, or "{ILSVRC2012}"')
        return tuple(self._check_text(key, value) for value in values)

    def get_match(self, key: str, pattern: re.Pattern[str], allowed: str) -> str:
        text = self.get_text(key)
        if not pattern.fullmatch(text):
            self.refuse(key, f"must be {allowed}")
        return text

    def get_choice(self, key: str, choices: tuple[T, ...]) -> T:
        value = self.get(key)
        for choice in choices:
            if value == choice:
                return choice
        return self.refuse(key, f"must be one of {', '.join(map(repr, choices))}")

    def get_number(self, key: str, least: float, most: float) -> float:
        value = self.get(key)
        if not isinstance(value, int | float) or isinstance(value, bool):
            self.refuse(key, "must be a number")
        if not least <= value <= most:
            self.refuse(key, f"must be from {least} to {most}")
        return float(value)

    def get_triple(self, key: str) -> Triple:
        values = self.get(key)
        if not isinstance(values, list) or len(values) != 3:
            self.refuse(key, "must be three numbers")
        for value in values:
            if not isinstance(value, int | float) or not abs(value) <= _LARGEST:
                self.refuse(key, f"must be three numbers, none beyond {_LARGEST:g}")
        return (float(values[0]), float(values[1]), float(values[2]))

    def _check_text(self, key: str, value: object) -> str:
        if not isinstance(value, str) or not 1 <= len(value) <= 500 or not value.isprintable():
            self.refuse(key, "must be 1 to 500 printable characters")
        return value


def _read_input(table: _Table) -> InputSpec:
    size = table.get_number("input.size", *SIDES)
    if size % 1:
        table.refuse("input.size", "must be a whole number")
    is_stretched = table.find("input.crop") == "none"
    return InputSpec(
        size=int(size),
        crop=None if is_stretched else table.get_number("input.crop", 0.1, 1),
        resize=table.get_choice("input.resize", get_args(Resize)),
    )


def _read_tensor(table: _Table) -> TensorSpec:
    dtype: Literal["uint8", "float32"] = table.get_choice("input.dtype", ("uint8", "float32"))
    subtract, divide = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    if table.find("input.scaling") != "none":
        if dtype == "uint8":
            table.refuse("input.scaling", 'must be "none" for uint8')
        subtract = table.get_triple("input.scaling.subtract")
        divide = table.get_triple("input.scaling.divide")
        if 0.0 in divide:
            table.refuse("input.scaling.divide", "must not be 0")
    return TensorSpec(
        dtype=dtype,
        layout=table.get_choice("input.layout", ("NHWC", "NCHW")),
        colours=table.get_choice("input.colours", ("RGB", "BGR")),
        subtract=subtract,
        divide=divide,
    )


def _read_temperature(table: _Table) -> float:
    key = "output.temperature"
    return 1.0 if table.find(key) is None else table.get_number(key, *TEMPERATURES)


def _read_threshold(table: _Table) -> float | None:
    key = "output.threshold"
    is_given = table.find(key) is not None
    if table.get("output.kind") not in INDEPENDENT_KINDS:
        if is_given:
            table.refuse(key, "is for classes that do not exclude each other: output.kind")
        return None
    return table.get_number(key, 0, 1) if is_given else DEFAULT_THRESHOLD


def _read_classes(table: _Table) -> OwnClasses | None:
    if table.get("output.classes") == ILSVRC2012:
        return None
    ids = table.get_texts("output.classes")
    if len(set(ids)) != len(ids):
        table.refuse("output.classes", "names a class twice")
    listed, names = table.find("output.names"), dict[str, tuple[str, ...]]()
    if not isinstance(listed, dict | None):
        table.refuse("output.names", "must be a table of lists, by language")
    for language in listed or ():
        key = f"output.names.{language}"
        if not LANGUAGE.fullmatch(language):
            table.refuse(key, "is not a language tag such as 'de'")
        names[language] = table.get_texts(key)
        if len(names[language]) != len(ids):
            table.refuse(key, f"has {len(names[language])} names for {len(ids)} classes")
    return OwnClasses(ids, names)


def description_text(pack: ModelPack) -> str:
    """The TOML that describes a pack; `read_pack` turns it into the same pack."""
    return "\n".join([*_lines(pack), ""])


def _lines(pack: ModelPack) -> Iterator[str]:
    for key in ("name", "version", "licence", "source"):
        yield f"{key} = {_quote(getattr(pack, key))}"
    if pack.published_top1 is not None:
        yield f"published_top1 = {pack.published_top1!r}"
    yield f"sha256 = {_quote(pack.sha256)}"
    if pack.saturation_safe:
        yield "saturation_safe = true"
    yield from ("", "[input]", f"size = {pack.input.size}")
    yield f"crop = {_quote('none') if pack.input.crop is None else repr(pack.input.crop)}"
    yield f"resize = {_quote(pack.input.resize)}"
    for key in ("dtype", "layout", "colours"):
        yield f"{key} = {_quote(getattr(pack.tensor, key))}"
    if (pack.tensor.subtract, pack.tensor.divide) == (TensorSpec().subtract, TensorSpec().divide):
        yield f"scaling = {_quote('none')}"
    else:
        order = f"by channel in the order of colours: {pack.tensor.colours}"
        yield f"# (value - subtract) / divide, {order}"
        yield f"scaling.subtract = {list(pack.tensor.subtract)!r}"
        yield f"scaling.divide = {list(pack.tensor.divide)!r}"
    yield from ("", "[output]", *_output_lines(pack))


def _output_lines(pack: ModelPack) -> Iterator[str]:
    yield f"kind = {_quote(pack.output)}"
    if pack.temperature != 1.0:
        yield f"temperature = {pack.temperature!r}"
    if pack.threshold is not None:
        yield f"threshold = {pack.threshold!r}"
    if pack.classes is None:
        yield f"classes = {_quote(ILSVRC2012)}"
        return
    yield f"classes = {_quote_all(pack.classes.ids)}"
    if pack.classes.names:
        yield from ("", "[output.names]")
    for language, names in pack.classes.names.items():
        yield f"{language} = {_quote_all(names)}"


def _quote_all(texts: Sequence[str]) -> str:
    return "".join(["[\n", *(f"    {_quote(text)},\n" for text in texts), "]"])


def _quote(text: str) -> str:
    """A TOML string; printable text is written as in JSON."""
    return json.dumps(text, ensure_ascii=False)
