"""`models`: lists the models that can be used."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cyclopts import App
from rich.table import Column

from taskworker_classifyimage.classify.catalogue import built_in_packs, pack_paths
from taskworker_classifyimage.classify.description import read_pack
from taskworker_classifyimage.classify.keras.model import find_weights
from taskworker_classifyimage.classify.keras.networks import KerasNetwork, keras_networks
from taskworker_classifyimage.classify.model_pack import MODEL_FILE, ModelPack
from taskworker_classifyimage.classify.options import DEFAULT_MODEL
from taskworker_classifyimage.commands.output import print_table
from taskworker_classifyimage.commands.parts import model_options
from taskworker_classifyimage.errors import ModelError
from taskworker_classifyimage.settings.areas import General, ModelFiles

app = App(name="models")

_COLUMNS: Final = (
    Column(),
    Column("name", overflow="fold"),
    Column("input", justify="right"),
    Column("top-1", justify="right"),
    Column("size", justify="right"),
    Column("here"),
    Column("licence"),
    Column("source", ratio=1, no_wrap=True),
)
_NOTES: Final = """
* runs by default. top-1: published accuracy on the ImageNet validation set.
Models with a source on storage.googleapis.com are networks of Keras: they need TensorFlow (the
extra 'tensorflow'), and are downloaded from there when --model names them first."""


@app.default
def run(files: ModelFiles = ModelFiles(), general: General = General()) -> None:
    """Prints one line for each model."""
    general.set_up_logging()
    folder = model_options(files).models_folder()
    print_table(_COLUMNS, *_rows(folder))
    print(_NOTES)
    print(
        f"Models folder: {folder or 'none, as there is no home folder; name one with --models-dir'}"
    )


app.command(run, name="list", help="List them, as 'models' alone does.")
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
    facts = _facts(name, pack.input.size, pack.published_top1, size_bytes)
    return ("*" if name == DEFAULT_MODEL else "", *facts, "yes", pack.licence, pack.source)


def _row_of_keras(network: KerasNetwork, folder: Path | None) -> tuple[str, ...]:
    weights = None if folder is None else find_weights(network, folder)
    size_bytes = network.about_bytes if weights is None else weights.stat().st_size
    facts = _facts(network.name, network.size, network.published_top1, size_bytes)
    return ("", *facts, "no" if weights is None else "yes", network.licence, network.url)


def _facts(name: str, side: int, top1: float | None, size_bytes: int) -> tuple[str, ...]:
    accuracy = "" if top1 is None else f"{top1:.1%}"
    return (name, f"{side}x{side}", accuracy, f"{size_bytes / 1e6:.1f} MB")
