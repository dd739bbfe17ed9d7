"""A folder as Hugging Face's hub has it: `config.json`, and the network as ONNX or for timm."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from taskworker_classifyimage.classify.base import OwnClasses
from taskworker_classifyimage.classify.labels import LAST_RESORT
from taskworker_classifyimage.errors import ModelError, one_line
from taskworker_classifyimage.packing.class_names import is_ilsvrc2012, to_classes
from taskworker_classifyimage.packing.hugging_face_preprocessing import (
    Preprocessing,
    read_preprocessing,
)
from taskworker_classifyimage.packing.libraries import quiet_libraries
from taskworker_classifyimage.packing.network import Network, PackOptions, name_after
from taskworker_classifyimage.packing.onnx_source import Prepare, open_onnx
from taskworker_classifyimage.packing.source import Source
from taskworker_classifyimage.packing.source_files import SourceFiles, read_table
from taskworker_classifyimage.packing.timm_source import open_timm_folder

#: Where exporters put the network; others beside it are rounded.
_NETWORKS: Final = ("model.onnx", "onnx/model.onnx")
_WEIGHTS: Final = "model.safetensors"
_TASK: Final = "ForImageClassification"
_PROCESSOR: Final = "preprocessor_config.json"
#: Names that stand for none.
_UNNAMED: Final = "LABEL_"


def recognise_hugging_face(files: SourceFiles) -> Source | None:
    """A folder of the hub.

    Raises:
        ModelError: it is for another task, needs code of its own, or a file of it is damaged.
    """
    config = read_table(files.folder / "config.json") if files.file is None else {}
    if not config.keys() & {"architectures", "architecture"}:
        return None
    if "auto_map" in config:
        raise ModelError(f"{files.given} needs code of its own (auto_map), which is not run")
    if "architecture" in config:
        return _recognise_timm(files, config)
    kinds = config["architectures"]
    if not isinstance(kinds, list) or not any(_TASK in str(each) for each in kinds):
        raise ModelError(f"{files.given} is {kinds}, not a network {_TASK}")
    path = files.find(*_NETWORKS)
    if path is None:
        raise ModelError(
            f"{files.given} has no {' or '.join(_NETWORKS)}: make one with "
            f"optimum-cli export onnx --model {files.given} FOLDER, and pack FOLDER"
        )
    prepared = _read_preprocessing(files, config)
    is_multi = config.get("problem_type") == "multi_label_classification"
    says = PackOptions(
        name=name_after(files.given),
        size=prepared.size,
        crop=prepared.crop,
        resize=prepared.resize,
        scaling=prepared.scaling,
        colours=prepared.colours,
        kind="independent-logits" if is_multi else "logits",
        classes=_read_classes(files, config),
        source=f"Hugging Face folder {files.given.name}, {kinds[0]}",
    )
    return Source(
        "Hugging Face folder with ONNX", says, partial(_open, path, files.folder, prepared.remark)
    )


def _open(path: Path, folder: Path, remark: str, options: PackOptions) -> Network:
    # Where a pack cannot prepare pictures in the same way, the answers are bound to differ.
    prepare, remarks = (None, (remark,)) if remark else _find_processor(folder)
    return replace(open_onnx(path, options, prepare), remarks=remarks)


def _recognise_timm(files: SourceFiles, config: Mapping[str, Any]) -> Source | None:
    weights = files.find(_WEIGHTS)
    if weights is None:
        return None
    says = PackOptions(
        name=name_after(files.given),
        classes=_read_timm_classes(files, config),
        source=f"Hugging Face folder {files.given.name}, timm {config['architecture']}",
    )
    return Source("Hugging Face folder of timm", says, partial(open_timm_folder, weights, config))


def _find_processor(folder: Path) -> tuple[Prepare | None, tuple[str, ...]]:
    """The source's own preprocessing, if its library is there; and what to tell if it fails."""
    if find_spec("transformers") is None:
        return None, ()
    try:
        with quiet_libraries():
            processor = import_module("transformers").AutoImageProcessor.from_pretrained(
                str(folder), local_files_only=True, trust_remote_code=False
            )
    except Exception as err:  # noqa: BLE001 - of any other version, the library raises anything
        return None, (f"Not compared from the files on: transformers says {one_line(err)[:200]}",)

    def prepare(image: Image.Image, _side: int) -> npt.NDArray[np.float32]:
        with quiet_libraries():
            return np.asarray(processor(images=image, return_tensors="np")["pixel_values"][0])

    return prepare, ()


def _read_preprocessing(files: SourceFiles, config: Mapping[str, Any]) -> Preprocessing:
    # The newer file goes first.
    newer = read_table(files.folder / "processor_config.json").get("image_processor")
    stated = newer if isinstance(newer, dict) else read_table(files.folder / _PROCESSOR)
    subject = f"{files.folder / _PROCESSOR}"
    if not stated:
        raise ModelError(f"{files.given} has no {_PROCESSOR}, which says how pictures are prepared")
    if "auto_map" in stated:
        raise ModelError(f"{subject} needs code of its own (auto_map), which is not run")
    return read_preprocessing(stated, str(config.get("model_type")), subject)


def _read_classes(files: SourceFiles, config: Mapping[str, Any]) -> OwnClasses | None:
    """The names by class index; None if there are none."""
    listed, subject = config.get("id2label"), f"{files.folder / 'config.json'}: id2label"
    if not isinstance(listed, dict) or not listed:
        return None
    try:
        names = {int(index): str(name) for index, name in listed.items()}
    except ValueError:
        raise ModelError(f"{subject} has an index that is no number") from None
    if sorted(names) != list(range(len(names))):
        raise ModelError(f"{subject} does not name each class by its number")
    ordered = [names[index] for index in range(len(names))]
    if all(name.startswith(_UNNAMED) for name in ordered):
        return None
    return to_classes(ordered, subject)


def _read_timm_classes(files: SourceFiles, config: Mapping[str, Any]) -> OwnClasses | None:
    names, described = config.get("label_names"), config.get("label_descriptions")
    if not isinstance(names, list):
        return _read_classes(files, config)
    ids = [str(name) for name in names]
    subject = f"{files.folder / 'config.json'}: label_names"
    if is_ilsvrc2012(ids) or not isinstance(described, dict):
        return to_classes(ids, subject)
    classes = to_classes([str(described.get(each, each)) for each in ids], subject)
    names_of = classes.names.get(LAST_RESORT, classes.ids) if classes is not None else ()
    return OwnClasses(tuple(ids), {LAST_RESORT: tuple(names_of)}) if names_of else None
