"""`models`: what there is to classify with."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cyclopts import App

from taskworker_classifyimage.classify.catalogue import built_in_packs, pack_paths
from taskworker_classifyimage.classify.description import read_pack
from taskworker_classifyimage.classify.keras.model import find_weights
from taskworker_classifyimage.classify.keras.networks import KerasNetwork, keras_networks
from taskworker_classifyimage.classify.model_pack import MODEL_FILE, ModelPack
from taskworker_classifyimage.classify.options import DEFAULT_MODEL
from taskworker_classifyimage.commands.output import Column, print_table
from taskworker_classifyimage.commands.parts import model_files_options
from taskworker_classifyimage.errors import ModelError
from taskworker_classifyimage.logs import set_up_logging
from taskworker_classifyimage.settings import GENERAL, MODEL_FILES, General, ModelFiles

app = App(name="models")

_COLUMNS: Final = (
    Column(),
    Column("name"),
    Column("input", is_number=True),
    Column("top-1", is_number=True),
    Column("size", is_number=True),
    Column("here"),
    Column("licence"),
    Column("source", is_cut=True),
)
_NOTES: Final = """
* runs by default. top-1: published accuracy on the ImageNet validation set.
Models with a source on storage.googleapis.com are networks of Keras: they need TensorFlow (the
extra 'tensorflow'), and are downloaded from there when --model names them first."""


@app.default
def run(files: ModelFiles = MODEL_FILES, general: General = GENERAL) -> None:
    """Prints one line a model."""
    set_up_logging(general.level("warning"))
    folder = model_files_options(files).models_folder()
    print_table(_COLUMNS, _rows(folder))
    print(_NOTES)
    print(f"Models folder: {folder or 'none, there is no home; name one with --models-dir'}")


app.command(run, name="list", help="The same as without a command.")
app.command(
    "taskworker_classifyimage.commands.pack:run",
    name="pack",
    help="Make a model pack of a network: of Keras or timm by name, or of a local file.",
)


def _rows(folder: Path | None) -> Iterator[tuple[str, ...]]:
    for pack in built_in_packs():
        yield _row_of_pack(pack.name, pack)
    for path in pack_paths(folder):
        name = path.stem if path.suffix == ".zip" else path.name
        try:
            yield _row_of_pack(name, read_pack(path))
        except ModelError as err:
            yield ("", name, *[""] * 5, f"cannot be used: {err}")
    for network in keras_networks().values():
        yield _row_of_keras(network, folder)


def _row_of_pack(name: str, pack: ModelPack) -> tuple[str, ...]:
    file = pack.path / MODEL_FILE if pack.path.is_dir() else pack.path
    size_bytes = file.stat().st_size if file.is_file() else 0
    return (
        "*" if name == DEFAULT_MODEL else "",
        name,
        f"{pack.input.size}x{pack.input.size}",
        _percent(pack.published_top1),
        _megabytes(size_bytes),
        "yes",
        pack.licence,
        pack.source,
    )


def _row_of_keras(network: KerasNetwork, folder: Path | None) -> tuple[str, ...]:
    weights = None if folder is None else find_weights(network, folder)
    return (
        "",
        network.name,
        f"{network.size}x{network.size}",
        _percent(network.published_top1),
        _megabytes(network.about_bytes if weights is None else weights.stat().st_size),
        "no" if weights is None else "yes",
        network.licence,
        network.url,
    )


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB"
