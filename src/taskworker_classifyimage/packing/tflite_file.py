"""What a TFLite file says about its network, read as data, without TensorFlow.

The format is tensorflow/compiler/mlir/lite/schema/schema.fbs of TensorFlow; its metadata are
tensorflow_lite_support/metadata/metadata_schema.fbs of tflite-support.
"""

import io
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from taskworker_classifyimage.classify.base import OwnClasses
from taskworker_classifyimage.classify.model_pack import (
    DESCRIPTION_LIMIT_BYTES,
    MODEL_LIMIT_BYTES,
    read_member,
)
from taskworker_classifyimage.errors import ModelError
from taskworker_classifyimage.packing.flatbuffer import Table
from taskworker_classifyimage.packing.network import Scaling
from taskworker_classifyimage.packing.source_files import read_label_lines

#: Of TensorType.
_TYPES: Final = {0: "float32", 3: "uint8", 9: "int8"}
#: Of BuiltinOperator.
_LOGISTIC, _SOFTMAX, _CUSTOM, _DEQUANTIZE, _QUANTIZE = 14, 25, 32, 6, 114
_LABELS_TYPE, _CALIBRATION_TYPE = 2, 4
_NORMALISATION, _IMAGE, _GREY = 1, 2, 2
_TEXT_LIMIT: Final = 500


@dataclass(frozen=True, slots=True)
class TfliteTensor:
    """An input or output.

    Attributes:
        dtype: "float32", "uint8" or "int8"; another type's number as text.
        scale: of a number of 8 bits; 0 if there is none.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float
    zero: int


@dataclass(frozen=True, slots=True)
class TfliteFile:
    """What a file says.

    Attributes:
        last: what the scores come from: "softmax", "sigmoid" or something else, "".
        custom: operators that are not TensorFlow Lite's own.
        scaling: None where the metadata say nothing.
        classes: by the metadata.
        licence: by the metadata, in one line.
        is_calibrated: whether the metadata change the scores.
    """

    input: TfliteTensor
    output: TfliteTensor
    last: str
    custom: tuple[str, ...]
    scaling: Scaling | None = None
    classes: OwnClasses | None = None
    licence: str | None = None
    source: str | None = None
    is_calibrated: bool = False


def read_tflite(path: Path) -> TfliteFile:
    """Reads a file.

    Raises:
        ModelError: it is no TFLite file, or has not one input and one output.
    """
    content = read_member(path.parent, path.name, MODEL_LIMIT_BYTES)
    if content[4:8] != b"TFL3":
        raise ModelError(f"{path} is no TFLite file")
    try:
        return _read(path, content)
    except (struct.error, IndexError, ValueError, OverflowError) as err:
        raise ModelError(f"{path} is a damaged TFLite file: {err}") from err


def _read(path: Path, content: bytes) -> TfliteFile:
    model = Table.root(content)
    graphs = model.tables(2)
    if not graphs:
        raise ValueError("it has no network")
    graph, tensors = graphs[0], graphs[0].tables(0)
    inputs, outputs = (graph.numbers(field, "i") for field in (1, 2))
    if (len(inputs), len(outputs)) != (1, 1):
        raise ModelError(
            f"{path} has {len(inputs)} inputs and {len(outputs)} outputs, not one of each: it is "
            "not for classification"
        )
    taken, given = (_read_tensor(tensors[int(index)]) for index in (inputs[0], outputs[0]))
    codes = model.tables(1)
    found = TfliteFile(
        input=taken,
        output=given,
        last=_read_last(graph, codes, int(outputs[0])),
        custom=tuple(_one_line(code.text(1)) for code in codes if _kind(code) == _CUSTOM),
    )
    metadata = _read_metadata(model)
    return found if metadata is None else _describe(path, content, found, metadata)


def _read_tensor(tensor: Table) -> TfliteTensor:
    kind, steps = int(tensor.number(1, "b")), tensor.table(4)
    scales = [] if steps is None else steps.numbers(2, "f")
    zeros = [] if steps is None else steps.numbers(3, "q")
    return TfliteTensor(
        name=tensor.text(3),
        shape=tuple(int(side) for side in tensor.numbers(0, "i")),
        dtype=_TYPES.get(kind, f"type {kind}"),
        scale=scales[0] if scales else 0.0,
        zero=int(zeros[0]) if zeros else 0,
    )


def _kind(code: Table) -> int:
    """The operator's number, which was a byte in old files."""
    return int(max(code.number(0, "b"), code.number(3, "i")))


def _read_last(graph: Table, codes: list[Table], output: int) -> str:
    """What makes the output, whatever converts it to and from 8 bits."""
    makers = {int(made): each for each in graph.tables(3) for made in each.numbers(2, "i")}
    for _ in range(4):
        maker = makers.get(output)
        if maker is None:
            break
        kind = _kind(codes[int(maker.number(0, "I"))])
        if kind not in (_QUANTIZE, _DEQUANTIZE):
            return {_SOFTMAX: "softmax", _LOGISTIC: "sigmoid"}.get(kind, "")
        output = int(maker.numbers(1, "i")[0])
    return ""


def _read_metadata(model: Table) -> Table | None:
    for entry in model.tables(6):
        if entry.text(0) == "TFLITE_METADATA":
            content = model.tables(4)[int(entry.number(1, "I"))].data(0)
            return Table.root(content) if content[4:8] == b"M001" else None
    return None


def _describe(path: Path, content: bytes, found: TfliteFile, metadata: Table) -> TfliteFile:
    graphs = metadata.tables(3)
    takes, gives = ([] if not graphs else graphs[0].tables(field) for field in (2, 3))
    files = [] if not gives else gives[0].tables(6)
    labels = [each.text(0) for each in files if each.number(2, "b") == _LABELS_TYPE]
    if takes and _is_grey(takes[0]):
        raise ModelError(f"{path} takes pictures in grey, not of three channels")
    return TfliteFile(
        input=found.input,
        output=found.output,
        last=found.last,
        custom=found.custom,
        scaling=_read_scaling(takes[0]) if takes else None,
        classes=_read_classes(path, content, labels[0]) if labels else None,
        licence=_one_line(metadata.text(5)) or None,
        source=_one_line(", ".join(filter(None, (metadata.text(0), metadata.text(4))))) or None,
        is_calibrated=any(each.number(2, "b") == _CALIBRATION_TYPE for each in files),
    )


def _read_scaling(taken: Table) -> Scaling | None:
    for unit in taken.tables(4):
        steps = unit.table(1)
        if int(unit.number(0, "B")) != _NORMALISATION or steps is None:
            continue
        means, deviations = (steps.numbers(field, "f") for field in (0, 1))
        if {len(means), len(deviations)} <= {1, 3} and 0 not in deviations:
            subtract, divide = (each * (3 // len(each)) for each in (means, deviations))
            return Scaling(
                (subtract[0], subtract[1], subtract[2]), (divide[0], divide[1], divide[2])
            )
    return None


def _is_grey(taken: Table) -> bool:
    content = taken.table(3)
    if content is None or int(content.number(0, "B")) != _IMAGE:
        return False
    image = content.table(1)
    return image is not None and image.number(0, "b") == _GREY


def _read_classes(path: Path, content: bytes, name: str) -> OwnClasses | None:
    """The classes in the zip that is appended to the file."""
    subject = f"{path}: {_one_line(name)}"
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            member = archive.getinfo(name)
            if member.file_size > DESCRIPTION_LIMIT_BYTES:
                raise ModelError(f"{subject} has more than {DESCRIPTION_LIMIT_BYTES} bytes")
            lines = archive.read(member)
    except (zipfile.BadZipFile, KeyError, RuntimeError, NotImplementedError, OSError) as err:
        raise ModelError(f"{subject} cannot be read: {err}") from err
    return read_label_lines(lines, subject)


def _one_line(text: str) -> str:
    line = " ".join(text.split())[:_TEXT_LIMIT]
    return "".join(char for char in line if char.isprintable())
