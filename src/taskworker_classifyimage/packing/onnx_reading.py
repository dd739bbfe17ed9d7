"""Reads what an ONNX file says about itself, as data and without a library.

The file is a protobuf message (protobuf.dev/programming-guides/encoding): numbered fields, of which
only a few are looked at. github.com/onnx/onnx/blob/main/onnx/onnx.proto has their numbers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from taskworker_classifyimage.classify.model_pack import MODEL_LIMIT_BYTES, read_member

#: Fields of a model, a graph, a node and an entry of the metadata.
_GRAPH, _METADATA = 7, 14
_NODE, _OUTPUT = 1, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_KIND = 1, 2, 4
_KEY, _VALUE = 1, 2
_NAME = 1
#: How a field is encoded: as a number, or with its length in front.
_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5
_FIXED_BYTES: Final = {_FIXED_64: 8, _FIXED_32: 4}
#: Operators that change the form of scores but not what they are.
_FORMAL: Final = frozenset({"Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze"})


@dataclass(frozen=True, slots=True)
class OnnxFacts:
    """What is known of a file before it is loaded.

    Attributes:
        metadata: what its maker has written into it.
        last: the operator that makes the scores, such as "Softmax"; "" if that is not clear.
    """

    metadata: Mapping[str, str]
    last: str


def read_facts_of(path: Path) -> OnnxFacts:
    """The same as `read_facts`, of a file.

    Raises:
        ModelError: the file cannot be read.
    """
    return read_facts(read_member(path.parent, path.name, MODEL_LIMIT_BYTES))


def read_facts(content: bytes) -> OnnxFacts:
    """Reads a whole ONNX file; one that is damaged says nothing."""
    try:
        return _read(memoryview(content))
    except (ValueError, IndexError):
        return OnnxFacts({}, "")


def _read(model: memoryview) -> OnnxFacts:
    metadata, last = dict[str, str](), ""
    for number, field in _fields(model):
        if number == _METADATA:
            entry = dict(_fields(field))
            metadata[_to_text(entry.get(_KEY))] = _to_text(entry.get(_VALUE))
        elif number == _GRAPH:
            last = _find_last(field)
    return OnnxFacts(metadata, last)


def _find_last(graph: memoryview) -> str:
    outputs = list[str]()
    makers = dict[str, tuple[str, str]]()
    for number, field in _fields(graph):
        if number == _OUTPUT:
            outputs += _texts(field, _NAME)
        elif number == _NODE:
            kind, source = _first(field, _NODE_KIND), _first(field, _NODE_INPUT)
            makers |= dict.fromkeys(_texts(field, _NODE_OUTPUT), (kind, source))
    if len(outputs) != 1:
        return ""
    kind, source = makers.get(outputs[0], ("", ""))
    for _ in makers:
        if kind not in _FORMAL:
            break
        kind, source = makers.get(source, ("", ""))
    return kind


def _texts(message: memoryview, wanted: int) -> list[str]:
    return [_to_text(part) for number, part in _fields(message) if number == wanted]


def _first(message: memoryview, wanted: int) -> str:
    return next(iter(_texts(message, wanted)), "")


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """The fields that have a length in front, by their numbers; others are passed over.

    Raises:
        ValueError, IndexError: it is no message.
    """
    place = 0
    while place < len(message):
        key, place = _read_varint(message, place)
        form = key & 7
        if form == _BYTES:
            length, place = _read_varint(message, place)
            if place + length > len(message):
                raise ValueError("cut off")
            yield key >> 3, message[place : place + length]
            place += length
        elif form == _VARINT:
            _, place = _read_varint(message, place)
        elif form in _FIXED_BYTES:
            place += _FIXED_BYTES[form]
        else:
            raise ValueError("no message")


def _read_varint(message: memoryview, place: int) -> tuple[int, int]:
    """A number of 7 bits a byte, the lowest first, and the place behind it."""
    number = 0
    for shift in range(0, 64, 7):
        byte = message[place]
        place += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, place
    raise ValueError("no number")


def _to_text(part: memoryview | None) -> str:
    return "" if part is None else bytes(part).decode("utf-8", "replace")
