"""A folder as Hugging Face's hub has it: `config.json`, and the network as ONNX or for timm."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image

from taskworker_classifyimage.classify.base import OwnClasses
from taskworker_classifyimage.classify.labels import LAST_RESORT
from taskworker_classifyimage.errors import ConfigError, ModelError, one_line
from taskworker_classifyimage.input_spec import Resize
from taskworker_classifyimage.packing.class_names import is_ilsvrc2012, to_classes
from taskworker_classifyimage.packing.hugging_face_preprocessing import (
    Preprocessing,
    read_preprocessing,
)
from taskworker_classifyimage.packing.libraries import quiet_libraries
from taskworker_classifyimage.packing.network import Network, PackOptions, Scaling, name_after
from taskworker_classifyimage.packing.onnx_source import Prepare, open_onnx
from taskworker_classifyimage.packing.source import Source
from taskworker_classifyimage.packing.source_files import SourceFiles, read_small, read_table
from taskworker_classifyimage.packing.timm_source import open_timm_folder

#: Where exporters put the network; others beside it are rounded.
_NETWORKS: Final = ("model.onnx", "onnx/model.onnx")
_CONFIG: Final = "config.json"
_WEIGHTS: Final = "model.safetensors"
_TASK: Final = "ForImageClassification"
_PROCESSOR: Final = "preprocessor_config.json"
#: Of timm: how it cuts, as far as packs can.
_CROP_MODES: Final = ("center", "squash")
#: Names that stand for none.
_UNNAMED: Final = "LABEL_"


@dataclass(frozen=True, slots=True)
class _Hub:
    """A folder of the hub.

    Attributes:
        given: what the user named.
        folder: with `config.json`.
        network: the ONNX file; None if there is none.
        config: the table in `config.json`.
    """

    given: Path
    folder: Path
    network: Path | None
    config: Mapping[str, Any]

    @property
    def config_path(self) -> Path:
        return self.folder / _CONFIG


def recognise_hugging_face(files: SourceFiles) -> Source | None:
    """A folder of the hub, or an ONNX file in one.

    Raises:
        ModelError: it is for another task, needs code of its own, or a file of it is damaged.
    """
    files = _enter_cache(files)
    hub = _find_hub(files)
    if hub is None:
        return None
    if "auto_map" in hub.config:
        raise ModelError(f"{hub.given} needs code of its own (auto_map), which is not run")
    if "architecture" in hub.config:
        return _recognise_timm(files, hub)
    kinds = hub.config["architectures"]
    if not isinstance(kinds, list) or not any(_TASK in str(each) for each in kinds):
        raise ModelError(f"{hub.given} is {kinds}, not a network {_TASK}")
    if hub.network is None:
        raise ModelError(
            f"{hub.given} has no {' or '.join(_NETWORKS)}: make one with "
            f"optimum-cli export onnx --model {hub.given} FOLDER, and pack FOLDER"
        )
    prepared = _read_preprocessing(hub)
    is_multi = hub.config.get("problem_type") == "multi_label_classification"
    says = PackOptions(
        name=name_after(hub.given),
        size=prepared.size,
        crop=prepared.crop,
        resize=prepared.resize,
        scaling=prepared.scaling,
        colours=prepared.colours,
        kind="independent-logits" if is_multi else "logits",
        classes=_read_classes(hub),
        source=f"Hugging Face, {hub.given.name}, {kinds[0]}",
    )
    open_network = partial(_open, hub.network, hub.folder, prepared)
    return Source("Hugging Face folder with ONNX", says, open_network)


def _enter_cache(files: SourceFiles) -> SourceFiles:
    """The newest files in a folder of the cache into which the hub's libraries download."""
    newest = files.folder / "refs" / "main"
    if files.file is not None or not newest.is_file():
        return files
    commit = read_small(newest).decode("ascii", "replace").strip()
    # It is a part of a path.
    return replace(files, folder=files.folder / "snapshots" / commit) if commit.isalnum() else files


def _find_hub(files: SourceFiles) -> _Hub | None:
    folder, network = files.folder, files.file
    if network is None:
        network = files.find(*_NETWORKS)
    elif network.suffix != ".onnx":
        return None
    elif folder.name == "onnx":
        folder = folder.parent
    config = read_table(folder / _CONFIG)
    is_there = bool(config.keys() & {"architectures", "architecture"})
    return _Hub(files.given, folder, network, config) if is_there else None


def _open(path: Path, folder: Path, prepared: Preprocessing, options: PackOptions) -> Network:
    prepare, remarks = _find_processor(folder)
    network = open_onnx(path, options, prepare)
    spec = replace(network.input, is_stretched=prepared.is_stretched)
    return replace(network, input=spec, remarks=remarks)


def _recognise_timm(files: SourceFiles, hub: _Hub) -> Source | None:
    says = PackOptions(
        name=name_after(hub.given),
        classes=_read_timm_classes(hub),
        source=f"Hugging Face, {hub.given.name}, timm {hub.config['architecture']}",
    )
    weights = files.find(_WEIGHTS) if files.file is None else None
    if weights is not None:
        open_weights = partial(open_timm_folder, weights, hub.config)
        return Source("Hugging Face folder of timm", says, open_weights)
    if hub.network is None:
        return None
    says = replace(says, **_read_timm_input(hub), kind="logits", colours="RGB")
    return Source(
        "Hugging Face folder of timm with ONNX", says, partial(_open_timm, hub.network, hub)
    )


def _open_timm(path: Path, hub: _Hub, options: PackOptions) -> Network:
    mode = (hub.config.get("pretrained_cfg") or {}).get("crop_mode", "center")
    if options.crop is None:
        raise ConfigError(
            f"--crop is needed: {hub.config_path} has timm's crop mode {mode!r}, which packs do "
            "not have; --crop none is closest to it"
        )
    network = open_onnx(path, options)
    return replace(network, input=replace(network.input, is_stretched=mode == "squash"))


def _read_timm_input(hub: _Hub) -> dict[str, Any]:
    """How the network wants its pictures, as far as timm's table says it and packs can hold it."""
    stated = hub.config.get("pretrained_cfg") or {}
    try:
        mean, deviation = (
            tuple(255.0 * float(each) for each in stated[k]) for k in ("mean", "std")
        )
        size, share = int(stated["input_size"][-1]), float(stated["crop_pct"])
    except (TypeError, ValueError, KeyError, IndexError) as err:
        raise ModelError(f"{hub.config_path}: pretrained_cfg has no sound {err}") from None
    if len(mean) != 3 or len(deviation) != 3 or 0 in deviation:
        raise ModelError(f"{hub.config_path}: pretrained_cfg has no sound mean and std")
    resize = stated.get("interpolation")
    return {
        "size": size,
        "crop": share if stated.get("crop_mode", "center") in _CROP_MODES else None,
        "resize": resize if resize in get_args(Resize) else "bilinear",
        "scaling": Scaling(mean, deviation),
    }


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


def _read_preprocessing(hub: _Hub) -> Preprocessing:
    # The newer file goes first.
    newer = read_table(hub.folder / "processor_config.json").get("image_processor")
    stated = newer if isinstance(newer, dict) else read_table(hub.folder / _PROCESSOR)
    subject = f"{hub.folder / _PROCESSOR}"
    if not stated:
        raise ModelError(f"{hub.given} has no {_PROCESSOR}, which says how pictures are prepared")
    if "auto_map" in stated:
        raise ModelError(f"{subject} needs code of its own (auto_map), which is not run")
    return read_preprocessing(stated, str(hub.config.get("model_type")), subject)


def _read_classes(hub: _Hub) -> OwnClasses | None:
    """The names by class index; None if there are none."""
    listed, subject = hub.config.get("id2label"), f"{hub.config_path}: id2label"
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


def _read_timm_classes(hub: _Hub) -> OwnClasses | None:
    names, described = hub.config.get("label_names"), hub.config.get("label_descriptions")
    if not isinstance(names, list):
        return _read_classes(hub)
    ids = [str(name) for name in names]
    subject = f"{hub.config_path}: label_names"
    if is_ilsvrc2012(ids) or not isinstance(described, dict):
        return to_classes(ids, subject)
    classes = to_classes([str(described.get(each, each)) for each in ids], subject)
    names_of = classes.names.get(LAST_RESORT, classes.ids) if classes is not None else ()
    return OwnClasses(tuple(ids), {LAST_RESORT: tuple(names_of)}) if names_of else None
