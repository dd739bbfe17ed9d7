"""Make a model pack of a network of Keras or timm, or of a local file."""

import argparse
import math
from pathlib import Path
from typing import Literal

from taskworker_classifyimage.commands.flags import (
    add_config_flag,
    add_models_dir_flag,
    add_offline_flag,
    model_options,
    settings_of,
)
from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.packing import make_pack
from taskworker_classifyimage.packing.classes_file import read_classes_file
from taskworker_classifyimage.packing.network import SCALINGS, PackOptions, Scaling


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares this command's flags."""
    add = parser.add_argument
    add(
        "network",
        metavar="NETWORK",
        help="a Keras name such as MobileNetV3Large, timm/NAME, or a .keras, .h5 or .onnx file",
    )
    add("--output", metavar="DIR", required=True, type=Path, help="folder to make, or NAME.zip")
    add("--pictures", metavar="DIR", type=Path, help="more pictures to compare on")
    add("--weights", metavar="FILE", type=Path, help="safetensors file for timm/NAME")
    add_models_dir_flag(parser)
    add_offline_flag(parser)
    add_config_flag(parser)
    described = parser.add_argument_group("what the network does not say")
    add = described.add_argument
    add("--classes", metavar="FILE", type=Path, help="TOML, or a class a line: id, space, name")
    add(
        "--scaling",
        metavar="HOW",
        type=_scaling,
        help=f"{', '.join(SCALINGS)} (signed: -1 to 1), or R,G,B/R,G,B",
    )
    add("--size", metavar="PIXELS", type=int, help="side of the input, if it takes any")
    add("--crop", metavar="SHARE", type=_crop, help="0.1 to 1 of the shorter side, or none")
    add("--resize", choices=("nearest", "bilinear", "bicubic", "lanczos"))
    add("--colours", choices=("RGB", "BGR"), help="default: RGB")
    add("--kind", choices=("logits", "probabilities"), help="default: judged by its scores")
    add("--name", help="the result's 'model'; default: the network's own")
    add("--model-version", metavar="TEXT", default="1", help="default: 1")
    add("--licence", metavar="TEXT")
    add("--source", metavar="TEXT", help="its origin, for people")


def run(parsed: argparse.Namespace) -> int:
    """Makes the pack and prints how it compares with the network."""
    options = PackOptions(
        name=parsed.name,
        version=parsed.model_version,
        licence=parsed.licence,
        source=parsed.source,
        size=parsed.size,
        crop=parsed.crop,
        resize=parsed.resize,
        scaling=parsed.scaling,
        colours=parsed.colours,
        kind=parsed.kind,
        classes=None if parsed.classes is None else read_classes_file(parsed.classes),
        weights=parsed.weights,
    )
    photos = [] if parsed.pictures is None else _files(parsed.pictures)
    print(f"Packing {parsed.network}; this takes from seconds to minutes.", flush=True)
    models = model_options(settings_of(parsed))
    compared = make_pack(parsed.network, parsed.output, options, photos, models)
    print(
        f"Compared on {compared.pictures} pictures: largest difference of probabilities "
        f"{compared.largest:.1e}, the same best class on {compared.same_best}.\n"
        f"Done; try it: taskworker-classifyimage doctor --model {parsed.output}"
    )
    return 0


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ConfigError(f"--pictures: there is no folder {folder}")
    return sorted(path for path in folder.iterdir() if path.is_file())


def _crop(text: str) -> float | Literal["none"]:
    if text == "none":
        return "none"
    share = _number(text)
    if not 0.1 <= share <= 1:
        raise argparse.ArgumentTypeError(f"must be from 0.1 to 1, or none; it is {text!r}")
    return share


def _scaling(text: str) -> Scaling:
    if text in SCALINGS:
        return SCALINGS[text]
    parts = [tuple(map(_number, part.split(","))) for part in text.split("/")]
    is_sound = [len(part) for part in parts] == [3, 3] and 0 not in parts[1]
    if not is_sound or not all(math.isfinite(number) for part in parts for number in part):
        raise argparse.ArgumentTypeError(
            f"must be one of {', '.join(SCALINGS)}, or R,G,B/R,G,B: three numbers to subtract and "
            f"three to divide by, not 0; it is {text!r}"
        )
    subtract, divide = parts
    return Scaling((subtract[0], subtract[1], subtract[2]), (divide[0], divide[1], divide[2]))


def _number(text: str) -> float:
    """Reads a number; gives NaN, which fails every comparison, for other text."""
    try:
        return float(text)
    except ValueError:
        return math.nan
