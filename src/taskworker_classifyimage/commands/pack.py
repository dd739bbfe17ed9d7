"""`models pack`: makes a model pack from a network."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from taskworker_classifyimage import PROGRAM
from taskworker_classifyimage.classify.base import OutputKind, OwnClasses
from taskworker_classifyimage.classify.description import read_classes_file
from taskworker_classifyimage.commands.parts import model_options
from taskworker_classifyimage.decode import silence_decoders
from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.input_spec import SIDES, Resize
from taskworker_classifyimage.packing import make_pack
from taskworker_classifyimage.packing.network import SCALINGS, PackOptions, Scaling
from taskworker_classifyimage.settings.areas import General, ModelFiles
from taskworker_classifyimage.settings.declare import File, Text, choice, folder, number, setting
from taskworker_classifyimage.words import counted


def _read_crop(given: str) -> float | Literal["none"]:
    if given == "none":
        return "none"
    share = _read_number(given)
    if not 0.1 <= share <= 1:
        raise ValueError("must be from 0.1 to 1, or none")
    return share


def _read_scaling(given: str) -> Scaling:
    if given in SCALINGS:
        return SCALINGS[given]
    parts = [tuple(map(_read_number, part.split(","))) for part in given.split("/")]
    is_sound = [len(part) for part in parts] == [3, 3] and 0 not in parts[1]
    if not is_sound or not all(math.isfinite(number) for part in parts for number in part):
        raise ValueError(
            f"must be one of {', '.join(SCALINGS)}, or R,G,B/R,G,B: three subtrahends and three "
            "divisors, which are not 0"
        )
    subtract, divide = parts
    return Scaling((subtract[0], subtract[1], subtract[2]), (divide[0], divide[1], divide[2]))


def _read_classes(given: str) -> OwnClasses | None:
    return read_classes_file(Path(given))


def _read_number(given: str) -> float:
    """Reads a number; NaN, which fails every comparison, if it is none."""
    try:
        return float(given)
    except ValueError:
        return math.nan


@Parameter(name="*", group=Group("Description of the network", sort_key=1))
@dataclass(frozen=True, slots=True, kw_only=True)
class Described(PackOptions):
    """`PackOptions` as flags.

    Attributes:
        name: name of the model in results
        version: the pack's version
        licence: licence of the network
        source: where the network comes from, as text
        size: side of the input, if the network takes any
        crop: 0.1 to 1 of the shorter side, or none
        resize: resampling filter
        colours: order of the network's channels
        kind: what the network's scores are
        classes: the network's classes: TOML, or a line for each
        weights: safetensors file with weights for timm/NAME
    """

    name: Annotated[str | None, setting("NAME", default="the network's own")] = None
    version: Annotated[str, setting("TEXT", name="--model-version")] = "1"
    licence: Text = None
    source: Text = None
    size: Annotated[int | None, number("PIXELS", *SIDES)] = None
    crop: Annotated[float | Literal["none"] | None, setting("SHARE", _read_crop)] = None
    resize: Annotated[Resize | None, choice("FILTER")] = None
    scaling: Annotated[
        Scaling | None,
        setting(
            "HOW",
            _read_scaling,
            help=f"{', '.join(SCALINGS)} (signed: -1 to 1), or R,G,B/R,G,B, for --colours BGR too",
        ),
    ] = None
    colours: Annotated[Literal["RGB", "BGR"] | None, choice("ORDER", default="RGB")] = None
    kind: Annotated[OutputKind | None, choice("KIND", default="detected from their values")] = None
    classes: Annotated[OwnClasses | None, setting("FILE", _read_classes)] = None
    weights: File = None


def run(
    network: str,
    /,
    *,
    output: Annotated[Path, folder()],
    pictures: Annotated[Path | None, folder()] = None,
    described: Described = Described(),
    files: ModelFiles = ModelFiles(),
    general: General = General(),
) -> None:
    """Makes the pack and prints how its results differ from the network's.

    Args:
        network: a file, folder or zip with it; a Keras name such as MobileNetV3Large; or timm/NAME
        output: folder to make, or NAME.zip
        pictures: folder with more pictures to compare on
    """
    general.set_up_logging()
    silence_decoders()
    photos = [] if pictures is None else _files(pictures)
    print(f"Packing {network}; this takes from seconds to minutes.", flush=True)
    compared = make_pack(network, output, described, photos, model_options(files))
    for remark in compared.remarks:
        print(remark)
    print(
        f"Compared on {counted(compared.pictures, 'picture')}: largest difference of probabilities "
        f"{compared.largest:.1e} (allowed: {compared.allowed:g}), the same best class on "
        f"{compared.same_best}."
    )
    if (files_too := compared.from_files) is not None:
        print(
            "From the files on, each preparing them in its own way: largest difference "
            f"{files_too.largest:.1e}, mean {files_too.mean:.1e} (allowed: "
            f"{compared.allowed_from_files:.1e}, as much as a shift by one pixel makes), the same "
            f"best class on {files_too.same_best}."
        )
    print(f"Done; try it: {PROGRAM} doctor --model {output}")


def _files(pictures: Path) -> list[Path]:
    if not pictures.is_dir():
        raise ConfigError(f"--pictures: there is no folder {pictures}")
    return sorted(path for path in pictures.iterdir() if path.is_file())
