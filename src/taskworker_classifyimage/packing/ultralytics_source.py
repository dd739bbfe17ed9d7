"""Classification networks of ultralytics, exported as ONNX: the file says all about itself.

Its own preprocessing is `classify_transforms` of ultralytics/data/augment.py: the shorter side is
made as long as the network's, the middle is cut out, and values are 0 to 1.
"""

import ast
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from taskworker_classifyimage.errors import ModelError
from taskworker_classifyimage.packing.class_names import to_classes
from taskworker_classifyimage.packing.network import SCALINGS, Network, PackOptions
from taskworker_classifyimage.packing.onnx_reading import read_facts_of
from taskworker_classifyimage.packing.onnx_source import open_onnx
from taskworker_classifyimage.packing.own_preprocessing import cut_square
from taskworker_classifyimage.packing.source import Source
from taskworker_classifyimage.packing.source_files import SourceFiles


def recognise_ultralytics(files: SourceFiles) -> Source | None:
    """An ONNX file with ultralytics' metadata.

    Raises:
        ModelError: it is for another task, or its metadata are damaged.
    """
    path = files.find("*.onnx")
    facts = {} if path is None else read_facts_of(path).metadata
    if path is None or not facts.keys() >= {"task", "names", "imgsz"}:
        return None
    if facts["task"] != "classify":
        raise ModelError(f"{path} is a network of ultralytics for {facts['task']!r}, not classify")
    if facts.get("channels", "3") != "3":
        raise ModelError(f"{path} takes {facts['channels']} channels, not RGB")
    says = PackOptions(
        size=_read_side(path, facts),
        crop=1.0,
        resize="bilinear",
        scaling=SCALINGS["0..1"],
        colours="RGB",
        classes=to_classes(_read_names(path, facts), f"{path}: names"),
        licence=_read_text(facts, "license"),
        source=_read_text(facts, "description"),
    )
    return Source("classification export of ultralytics", says, partial(_open, path))


def _open(path: Path, options: PackOptions) -> Network:
    def prepare(image: Image.Image, side: int) -> npt.NDArray[np.float32]:
        pixels = cut_square(image, side, Image.Resampling.BILINEAR)
        return pixels.transpose(2, 0, 1) / np.float32(255)

    return open_onnx(path, options, prepare)


def _read_side(path: Path, facts: Mapping[str, str]) -> int:
    sides = _read_literal(path, facts, "imgsz")
    if isinstance(sides, int):
        return sides
    if not isinstance(sides, list) or len(set(sides)) != 1 or not isinstance(sides[0], int):
        raise ModelError(f"{path}: imgsz is {facts['imgsz'][:40]}, not square")
    return sides[0]


def _read_names(path: Path, facts: Mapping[str, str]) -> list[str]:
    names = _read_literal(path, facts, "names")
    if not isinstance(names, dict) or sorted(names) != list(range(len(names))):
        raise ModelError(f"{path}: names does not name each class by its number")
    return [str(names[index]) for index in range(len(names))]


def _read_literal(path: Path, facts: Mapping[str, str], key: str) -> object:
    """A value of Python, which ultralytics writes as text; nothing in it is run."""
    try:
        value: object = ast.literal_eval(facts[key])
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise ModelError(f"{path}: {key} cannot be read: {facts[key][:40]!r}") from None
    return value


def _read_text(facts: Mapping[str, str], key: str) -> str | None:
    text = " ".join(facts.get(key, "").split())[:500]
    return text if text.isprintable() and text else None
