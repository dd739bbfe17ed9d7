"""List the models that there are: built in, in the models folder, and the networks of Keras."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from taskworker_classifyimage.classify.catalogue import built_in_packs, pack_paths
from taskworker_classifyimage.classify.description import read_pack
from taskworker_classifyimage.classify.keras.model import find_weights
from taskworker_classifyimage.classify.keras.networks import KerasNetwork, keras_networks
from taskworker_classifyimage.classify.model_pack import MODEL_FILE, ModelPack
from taskworker_classifyimage.classify.options import DEFAULT_MODEL
from taskworker_classifyimage.commands import pack as pack_command
from taskworker_classifyimage.commands.flags import (
    add_config_flag,
    add_models_dir_flag,
    model_options,
    settings_of,
)
from taskworker_classifyimage.errors import ModelError

_HEAD: Final = (
    f"{'':2}{'name':20} {'input':>9} {'top-1':>7} {'size':>9}  {'here':4}  {'licence':12} source"
)


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    size: int
    top1: float | None
    size_bytes: int
    licence: str
    is_here: bool
    source: str

    def __str__(self) -> str:
        mark = "*" if self.name == DEFAULT_MODEL else ""
        top1 = "" if self.top1 is None else f"{self.top1:.1%}"
        here = "yes" if self.is_here else "no"
        return (
            f"{mark:2}{self.name:20} {f'{self.size}x{self.size}':>9} {top1:>7} "
            f"{self.size_bytes / 1e6:>6.1f} MB  {here:4}  {self.licence:12} {self.source}"
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares this command's flags."""
    add_models_dir_flag(parser)
    add_config_flag(parser)
    summary = (pack_command.__doc__ or "").partition("\n")[0]
    more = parser.add_subparsers(title="commands", metavar="[pack]")
    maker = more.add_parser("pack", help=summary, description=summary)
    pack_command.add_arguments(maker)
    maker.set_defaults(run=pack_command.run)


def run(parsed: argparse.Namespace) -> int:
    """Prints one line a model."""
    folder = model_options(settings_of(parsed)).models_folder()
    print(_HEAD)
    for pack in built_in_packs():
        print(_of_pack(pack.name, pack))
    for path in pack_paths(folder):
        print(_of_path(path))
    for network in keras_networks().values():
        print(_of_keras(network, folder))
    print("\n* runs by default. top-1: published accuracy on the ImageNet validation set.")
    print(
        "What has a storage.googleapis.com source is a network of Keras: it needs TensorFlow (the"
    )
    print("extra 'tensorflow'), and is downloaded from there when --model names it first.")
    print(f"Models folder: {folder or 'none, there is no home; name one with --models-dir'}")
    return 0


def _of_path(path: Path) -> _Row | str:
    name = path.stem if path.suffix == ".zip" else path.name
    try:
        return _of_pack(name, read_pack(path))
    except ModelError as err:
        return f"{'':2}{name:20} cannot be used: {err}"


def _of_pack(name: str, pack: ModelPack) -> _Row:
    file = pack.path / MODEL_FILE if pack.path.is_dir() else pack.path
    return _Row(
        name=name,
        size=pack.input.size,
        top1=pack.published_top1,
        size_bytes=file.stat().st_size if file.is_file() else 0,
        licence=pack.licence,
        is_here=True,
        source=pack.source,
    )


def _of_keras(network: KerasNetwork, folder: Path | None) -> _Row:
    weights = None if folder is None else find_weights(network, folder)
    return _Row(
        name=network.name,
        size=network.size,
        top1=network.published_top1,
        size_bytes=network.about_bytes if weights is None else weights.stat().st_size,
        licence=network.licence,
        is_here=weights is not None,
        source=network.url,
    )
