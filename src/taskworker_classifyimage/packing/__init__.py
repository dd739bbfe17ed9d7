"""Makes model packs, on a machine that has the network's own library.

    NETWORK -> keras_source, timm_source or onnx_source -> Network
            -> pack_folder -> comparison -> the pack in its place

Whoever runs the pack afterwards needs neither that library nor this package.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from taskworker_classifyimage.classify.base import ILSVRC2012_CLASSES, OwnClasses
from taskworker_classifyimage.classify.description import description_text, read_pack
from taskworker_classifyimage.classify.model_pack import (
    DESCRIPTION_FILE,
    MODEL_FILE,
    MODEL_LIMIT_BYTES,
    ModelPack,
)
from taskworker_classifyimage.classify.options import ModelOptions
from taskworker_classifyimage.errors import ConfigError, ModelError
from taskworker_classifyimage.packing.comparison import (
    Comparison,
    compare,
    kind_of,
    real_pictures,
    scores_of,
)
from taskworker_classifyimage.packing.keras_source import open_keras_file, open_keras_name
from taskworker_classifyimage.packing.network import Network, Scores, Wishes
from taskworker_classifyimage.packing.onnx_source import open_onnx
from taskworker_classifyimage.packing.pack_folder import refuse_taken, unfinished_pack
from taskworker_classifyimage.packing.timm_source import open_timm

#: A pack's probabilities may differ so much from its source's, and not more.
LARGEST_DIFFERENCE: Final = 1e-3

_DEFAULTS: Final = ModelOptions()


def make_pack(
    source: str,
    output: Path,
    wishes: Wishes,
    photos: Sequence[Path] = (),
    options: ModelOptions = _DEFAULTS,
) -> Comparison:
    """Makes a pack of a network and compares the two; nothing is left of one that strays.

    Args:
        source: a Keras name, `timm/NAME`, or the path of a `.keras`, `.h5` or `.onnx` file.
        output: the folder to be made, or the zip if its name ends so.
        wishes: what the source does not tell.
        photos: pictures to compare on, besides the one that comes with the program.
        options: where the weights of a Keras network are, and whether they may be downloaded.

    Raises:
        ConfigError: a wish is missing or cannot be fulfilled, or the output is taken.
        ModelError: the source is no network that a pack can hold, or the pack answers otherwise.
    """
    refuse_taken(output)
    network = open_network(source, wishes, options)
    pictures = real_pictures(network.input, photos)
    scores = scores_of(network, pictures)
    with unfinished_pack(output) as folder:
        try:
            pack = _described(network, wishes, scores, folder)
            comparison = compare(pack, scores, pictures)
        except ModelError as err:
            # The folder that it names will not be there any more.
            raise ModelError(str(err).replace(str(folder), source)) from err
        # Put so that it refuses what is no number, too.
        if not comparison.largest <= LARGEST_DIFFERENCE:
            raise ModelError(
                f"{source}: the pack's probabilities differ from the source's by up to "
                f"{comparison.largest:.2g}, allowed are {LARGEST_DIFFERENCE}; no pack was made"
            )
    return comparison


def open_network(source: str, wishes: Wishes, options: ModelOptions) -> Network:
    """Loads a network by its own library and turns it into ONNX.

    Raises:
        ConfigError: it is not there, its library is not, or a wish is missing or not to be had.
        ModelError: it is no network that a pack can hold.
    """
    if source.startswith("timm/"):
        return open_timm(source.removeprefix("timm/"), wishes, options)
    if wishes.weights is not None:
        raise ConfigError("--weights is for networks of timm alone")
    path = Path(source)
    if path.suffix in (".onnx", ".keras", ".h5", ".hdf5"):
        if not path.is_file():
            raise ConfigError(f"there is no file {path}")
        return (open_onnx if path.suffix == ".onnx" else open_keras_file)(path, wishes)
    return open_keras_name(source, wishes, options)


def _described(network: Network, wishes: Wishes, scores: Scores, folder: Path) -> ModelPack:
    """Writes both files of a pack and reads them as its users will."""
    if len(network.onnx) >= MODEL_LIMIT_BYTES:
        raise ModelError(f"the network has {len(network.onnx)} bytes, no ONNX file can hold it")
    (folder / MODEL_FILE).write_bytes(network.onnx)
    pack = ModelPack(
        name=wishes.name or network.name,
        version=wishes.version,
        licence=wishes.licence or network.licence,
        source=wishes.source or network.source,
        published_top1=network.published_top1,
        sha256=hashlib.sha256(network.onnx).hexdigest(),
        input=network.input,
        classes=_classes(network, wishes, scores.shape[1]),
        saturation_safe=False,
        tensor=network.tensor,
        output=wishes.kind or kind_of(scores),
        path=folder,
    )
    (folder / DESCRIPTION_FILE).write_text(description_text(pack), encoding="utf-8")
    return read_pack(folder)


def _classes(network: Network, wishes: Wishes, outputs: int) -> OwnClasses | None:
    """The classes by class index, None for those of ILSVRC2012."""
    classes = wishes.classes or network.classes
    if classes is None and outputs != ILSVRC2012_CLASSES:
        raise ConfigError(f"the network has {outputs} outputs: name its classes with --classes")
    if classes is not None and len(classes.ids) != outputs:
        raise ConfigError(
            f"--classes: there are {len(classes.ids)} of them, the network has {outputs} outputs"
        )
    return classes
