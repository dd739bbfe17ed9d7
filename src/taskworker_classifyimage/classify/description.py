"""A pack's `model.toml`: reads it, naming the key of every mistake, and writes it.

A file with classes alone, which a user gives for a network, is read here too.
"""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal, get_args

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
    read_member,
)
from taskworker_classifyimage.classify.names_file import add_names
from taskworker_classifyimage.classify.toml_table import TomlTable
from taskworker_classifyimage.input_spec import SIDES, InputSpec, Resize

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
#: The temperatures that a network can need; others are mistakes.
TEMPERATURES: Final = (0.05, 20.0)


def read_pack(path: Path) -> ModelPack:
    """Reads the description of the pack in a folder or a zip; the network itself is read later.

    Raises:
        ModelError: a key is missing or wrong; the message names the file and the key.
    """
    content = read_member(path, DESCRIPTION_FILE, DESCRIPTION_LIMIT_BYTES)
    table = TomlTable(f"{path}: {DESCRIPTION_FILE}", content)
    classes = add_names(path, _read_classes(table))
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
        classes=classes,
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
        return _read_classes(TomlTable(str(path), content))
    return read_class_lines(content, str(path))


def _read_input(table: TomlTable) -> InputSpec:
    size = table.get_number("input.size", *SIDES)
    if size % 1:
        table.refuse("input.size", "must be a whole number")
    is_stretched = table.find("input.crop") == "none"
    return InputSpec(
        size=int(size),
        crop=None if is_stretched else table.get_number("input.crop", 0.1, 1),
        resize=table.get_choice("input.resize", get_args(Resize)),
        is_stretched=table.find("input.stretch") is True,
    )


def _read_tensor(table: TomlTable) -> TensorSpec:
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


def _read_temperature(table: TomlTable) -> float:
    key = "output.temperature"
    return 1.0 if table.find(key) is None else table.get_number(key, *TEMPERATURES)


def _read_threshold(table: TomlTable) -> float | None:
    key = "output.threshold"
    is_given = table.find(key) is not None
    if table.get("output.kind") not in INDEPENDENT_KINDS:
        if is_given:
            table.refuse(key, "is for classes that do not exclude each other: output.kind")
        return None
    return table.get_number(key, 0, 1) if is_given else DEFAULT_THRESHOLD


def _read_classes(table: TomlTable) -> OwnClasses | None:
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
    if pack.input.is_stretched:
        yield "stretch = true"
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
