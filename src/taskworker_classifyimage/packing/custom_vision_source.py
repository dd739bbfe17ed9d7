"""Classification networks of Azure Custom Vision, exported as ONNX, with their labels beside them.

Its samples (github.com/Azure-Samples/customvision-export-samples) read the order of channels and
the range of values from the ONNX file itself; the server of its Docker export turns pictures
upright, makes the shorter side as long as the network's and cuts out the middle.
"""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from taskworker_classifyimage.classify.base import OwnClasses
from taskworker_classifyimage.errors import ModelError
from taskworker_classifyimage.packing.class_names import to_classes
from taskworker_classifyimage.packing.network import SCALINGS, Network, PackOptions, name_after
from taskworker_classifyimage.packing.onnx_reading import read_facts_of
from taskworker_classifyimage.packing.onnx_source import open_onnx
from taskworker_classifyimage.packing.own_preprocessing import cut_square, stretch
from taskworker_classifyimage.packing.source import Source
from taskworker_classifyimage.packing.source_files import SourceFiles, read_small, read_table

_WHAT: Final = "Custom Vision export"
_MANIFEST: Final = "cvexport.manifest"
#: In the ONNX file's metadata, and in a file of its own.
_COLOURS, _RANGE = "Image.BitmapPixelFormat", "Image.NominalPixelRange"
_PREPROCESS: Final = "CustomVision.Preprocess."


def recognise_custom_vision(files: SourceFiles) -> Source | None:
    """An export with its manifest, or an ONNX file of one.

    Raises:
        ModelError: it is for another task, for another library, or a file of it is damaged.
    """
    path, manifest = files.find("*.onnx"), read_table(files.folder / _MANIFEST)
    if manifest.get("DomainType") == "ObjectDetection":
        raise ModelError(f"{files.given} is a Custom Vision export for object detection")
    if path is None:
        if "ExporterVersion" not in manifest:
            return None
        platform = str(manifest.get("Platform"))[:40]
        raise ModelError(
            f"{files.given} is a Custom Vision export without its ONNX file"
            if platform == "ONNX"
            else f"{files.given} is a Custom Vision export for {platform}: export it as ONNX"
        )
    known = read_facts_of(path).metadata
    if "ExporterVersion" not in manifest and _COLOURS not in known:
        return None
    # What the ONNX file says itself is right where they differ.
    facts = {**read_table(files.folder / "metadata_properties.json"), **known}
    is_normalised = _is_normalised(facts)
    says = PackOptions(
        name=name_after(files.given),
        crop=_read_crop(facts),
        resize="bilinear",
        scaling=None if is_normalised else SCALINGS[_read_range(known)],
        colours="BGR" if known.get(_COLOURS) == "Bgr8" else "RGB",
        kind="independent" if _is_multi_label(facts) else None,
        classes=_read_labels(files, manifest),
        source=f"Azure Custom Vision, {path.name}",
    )
    return Source(_WHAT, says, partial(_open, path, None if is_normalised else known))


def _open(path: Path, known: Mapping[str, str] | None, options: PackOptions) -> Network:
    if known is None:
        return open_onnx(path, options)

    def prepare(image: Image.Image, side: int) -> npt.NDArray[np.float32]:
        pixels = _cut(image, side, options.crop)
        if known.get(_COLOURS) == "Bgr8":
            pixels = pixels[..., ::-1]
        if known.get(_RANGE) != "NominalRange_0_255":
            pixels = pixels / np.float32(255)
        return pixels.transpose(2, 0, 1)

    return open_onnx(path, options, prepare)


def _cut(
    image: Image.Image, side: int, crop: float | Literal["none"] | None
) -> npt.NDArray[np.float32]:
    if crop == "none":
        return stretch(image, side, Image.Resampling.BILINEAR)
    return cut_square(image, side, Image.Resampling.BILINEAR, round(side / (crop or 1.0)))


def _read_labels(files: SourceFiles, manifest: Mapping[str, Any]) -> OwnClasses | None:
    """The labels, one a line, as they were typed: numbers in front are a part of them."""
    # A path in the manifest would lead elsewhere.
    path = files.beside(Path(str(manifest.get("LabelFileName") or "labels.txt")).name)
    if path is None:
        return None
    try:
        lines = read_small(path).decode("utf-8-sig").rstrip().splitlines()
    except UnicodeDecodeError as err:
        raise ModelError(f"{path} is not text in UTF-8: {err}") from None
    return to_classes(lines, str(path))


def _read_range(known: Mapping[str, str]) -> str:
    return "none" if known.get(_RANGE) == "NominalRange_0_255" else "0..1"


def _is_normalised(facts: Mapping[str, Any]) -> bool:
    """Whether it states means and deviations, which none of its samples applies."""
    try:
        mean, deviation = (
            json.loads(str(facts.get(f"{_PREPROCESS}Normalize{each}", default)))
            for each, default in (("Mean", "[0]"), ("Std", "[1]"))
        )
        return any(mean) or any(each != 1 for each in deviation)
    except (ValueError, TypeError, RecursionError):
        return True


def _is_multi_label(facts: Mapping[str, Any]) -> bool:
    return facts.get("CustomVision.Postprocess.Method") == "ClassificationMultiLabel"


def _read_crop(facts: Mapping[str, Any]) -> float | Literal["none"]:
    if facts.get(f"{_PREPROCESS}ResizeMethod") == "Stretch":
        return "none"
    if facts.get(f"{_PREPROCESS}CropMethod") != "OneCropCenter":
        return 1.0
    try:
        cut, whole = (int(facts[f"{_PREPROCESS}{each}"]) for each in ("CropWidth", "TargetWidth"))
        return cut / whole if 0 < cut <= whole else 1.0
    except (KeyError, ValueError, TypeError):
        return 1.0
