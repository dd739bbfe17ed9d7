"""`models pack`: makes a model pack of a network."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal, get_args

from cyclopts import Group, Parameter

from taskworker_classifyimage import PROGRAM, declare, readers
from taskworker_classifyimage.classify.base import OwnClasses
from taskworker_classifyimage.classify.description import read_classes_file
from taskworker_classifyimage.commands.parts import model_files_options
from taskworker_classifyimage.decode import silence_decoders
from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.input_spec import SIDES, Resize
from taskworker_classifyimage.logs import set_up_logging
from taskworker_classifyimage.packing import make_pack
from taskworker_classifyimage.packing.network import SCALINGS, PackOptions, Scaling
from taskworker_classifyimage.settings import GENERAL, MODEL_FILES, General, ModelFiles


def _crop(given: str) -> float | Literal["none"]:
    if given == "none":
        return "none"
    share = _number(given)
    if not 0.1 <= share <= 1:
        raise ValueError("must be from 0.1 to 1, or none")
    return share


def _scaling(given: str) -> Scaling:
    if given in SCALINGS:
        return SCALINGS[given]
    parts = [tuple(map(_number, part.split(","))) for part in given.split("/")]
    is_sound = [len(part) for part in parts] == [3, 3] and 0 not in parts[1]
    if not is_sound or not all(math.isfinite(number) for part in parts for number in part):
        raise ValueError(
            f"must be one of {', '.join(SCALINGS)}, or R,G,B/R,G,B: what is subtracted, and what "
            "divides and is not 0"
        )
    subtract, divide = parts
    return Scaling((subtract[0], subtract[1], subtract[2]), (divide[0], divide[1], divide[2]))


def _classes(given: str) -> OwnClasses | None:
    return read_classes_file(readers.path(given))


def _number(given: str) -> float:
    """NaN for what is no number: it fails every comparison."""
    try:
        return float(given)
    except ValueError:
        return math.nan


@Parameter(name="*", group=Group("What the network does not say", sort_key=1))
@dataclass(frozen=True, slots=True, kw_only=True)
class Described(PackOptions):
    """The same as flags."""

    name: Annotated[
        str | None, declare.text("NAME", "the result's 'model'", "the network's own")
    ] = None
    version: Annotated[
        str, declare.setting(readers.text, "TEXT", "the pack's version", name="--model-version")
    ] = "1"
    licence: Annotated[str | None, declare.text("TEXT", "of the network")] = None
    source: Annotated[str | None, declare.text("TEXT", "its origin, for people")] = None
    size: Annotated[
        int | None, declare.number(*SIDES, "PIXELS", "side of the input, if it takes any")
    ] = None
    crop: Annotated[
        float | Literal["none"] | None,
        declare.setting(_crop, "SHARE", "0.1 to 1 of the shorter side, or none"),
    ] = None
    resize: Annotated[
        Resize | None, declare.word(get_args(Resize), "FILTER", "resampling filter")
    ] = None
    scaling: Annotated[
        Scaling | None,
        declare.setting(
            _scaling, "HOW", f"{', '.join(SCALINGS)} (signed: -1 to 1), or R,G,B/R,G,B"
        ),
    ] = None
    colours: Annotated[
        Literal["RGB", "BGR"] | None,
        declare.word(("RGB", "BGR"), "ORDER", "order of its channels", "RGB"),
    ] = None
    kind: Annotated[
        Literal["logits", "probabilities"] | None,
        declare.word(("logits", "probabilities"), "KIND", "what its scores are", "judged by them"),
    ] = None
    classes: Annotated[
        OwnClasses | None,
        declare.setting(_classes, "FILE", "TOML, or a line for each class: id, space, name"),
    ] = None
    weights: Annotated[Path | None, declare.path("FILE", "safetensors file for timm/NAME")] = None


_NOTHING: Final = Described()


def run(
    network: Annotated[
        str,
        Parameter(
            help="a Keras name such as MobileNetV3Large, timm/NAME, or a .keras, .h5 or .onnx file"
        ),
    ],
    /,
    *,
    output: Annotated[Path, declare.path("DIR", "folder to make, or NAME.zip")],
    pictures: Annotated[Path | None, declare.path("DIR", "more pictures to compare on")] = None,
    described: Described = _NOTHING,
    files: ModelFiles = MODEL_FILES,
    general: General = GENERAL,
) -> None:
    """Makes the pack and prints how it compares with the network."""
    set_up_logging(general.level("warning"))
    silence_decoders()
    photos = [] if pictures is None else _files(pictures)
    print(f"Packing {network}; this takes from seconds to minutes.", flush=True)
    compared = make_pack(network, output, described, photos, model_files_options(files))
    print(
        f"Compared on {compared.pictures} pictures: largest difference of probabilities "
        f"{compared.largest:.1e}, the same best class on {compared.same_best}.\n"
        f"Done; try it: {PROGRAM} doctor --model {output}"
    )


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ConfigError(f"--pictures: there is no folder {folder}")
    return sorted(path for path in folder.iterdir() if path.is_file())
