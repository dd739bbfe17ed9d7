"""Makes model packs, on a machine that has the network's own library.

    a name            -> keras_source or timm_source              -> Network
    files of a source -> recognising -> its kind -> Source -> open -> Network
    Network           -> pack_writer -> comparison                -> the pack in its place

Whoever runs the pack afterwards needs neither that library nor this package.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from taskworker_classifyimage.classify.keras.networks import keras_networks
from taskworker_classifyimage.classify.options import ModelOptions
from taskworker_classifyimage.errors import ModelError
from taskworker_classifyimage.packing.comparison import (
    Comparison,
    Pictures,
    compare,
    compute_scores,
    load_pictures,
)
from taskworker_classifyimage.packing.keras_source import open_keras_name
from taskworker_classifyimage.packing.network import Network, PackOptions, Scores
from taskworker_classifyimage.packing.pack_writer import check_output, unfinished_pack, write_pack
from taskworker_classifyimage.packing.recognising import recognise
from taskworker_classifyimage.packing.source_files import open_files
from taskworker_classifyimage.packing.timm_source import open_timm
from taskworker_classifyimage.packing.two_classes import share_between_two

#: A pack's probabilities may differ by this much from its source's. Numbers of 8 bits are rounded
#: differently by each library and processor.
LARGEST_DIFFERENCE: Final = 1e-3
LARGEST_DIFFERENCE_8_BITS: Final = 0.1
_DEFAULTS: Final = ModelOptions()


def make_pack(
    source: str,
    output: Path,
    options: PackOptions,
    photos: Sequence[Path] = (),
    models: ModelOptions = _DEFAULTS,
) -> Comparison:
    """Makes a pack of a network and compares the two; no pack is left if they differ.

    Args:
        source: a Keras name, `timm/NAME`, or the path of a file, a folder or a zip.
        output: the folder to make, or the zip if its name ends in `.zip`.
        options: what the source does not say.
        photos: pictures to compare on, besides the one that comes with the program.
        models: where the weights of a Keras network are, and whether they may be downloaded.

    Raises:
        ConfigError: an option is missing or of no effect, or the output exists.
        ModelError: the source is no network that a pack can hold, or the pack answers differently.
    """
    check_output(output)
    network, options = open_network(source, options, models)
    pictures = load_pictures(network.input, photos)
    scores = compute_scores(network, pictures.pixels)
    network, scores = share_between_two(network, options, scores)
    with unfinished_pack(output) as folder:
        try:
            pack = write_pack(network, options, scores, folder)
            allowed = _allow(network, scores, pictures)
            comparison = compare(pack, network, scores, pictures, allowed)
        except ModelError as err:
            # The folder named in the message will be gone.
            raise ModelError(str(err).replace(str(folder), source)) from err
        check(comparison, source)
    return comparison


def _allow(network: Network, scores: Scores, pictures: Pictures) -> float:
    """By how much a probability may differ."""
    if not network.has_8_bits:
        return LARGEST_DIFFERENCE
    if network.other_scores is None:
        return LARGEST_DIFFERENCE_8_BITS
    spread = np.abs(network.other_scores(pictures.pixels) - scores).max()
    return max(LARGEST_DIFFERENCE_8_BITS, float(spread))


def check(comparison: Comparison, source: str) -> None:
    """Refuses a pack that answers differently; written so that NaN fails, too.

    Raises:
        ModelError: by how much, and what may be wrong.
    """
    if not comparison.largest <= comparison.allowed:
        raise ModelError(
            f"{source}: the pack's probabilities differ from the source's by up to "
            f"{comparison.largest:.2g}, allowed are {comparison.allowed}; no pack was made"
        )
    from_files = comparison.from_files
    if from_files is not None and not from_files.mean <= comparison.allowed_from_files:
        raise ModelError(
            f"{source}: where each prepares the pictures in its own way, the pack's "
            f"probabilities differ from the source's by {from_files.mean:.2g} on average, "
            f"allowed are {comparison.allowed_from_files:.2g}: its scaling, colours, crop or "
            "size are not as described; no pack was made"
        )


def open_network(
    source: str, options: PackOptions, models: ModelOptions
) -> tuple[Network, PackOptions]:
    """Loads a network with its own library and converts it to ONNX.

    Returns:
        The network, and the options with what the source says about itself.

    Raises:
        ConfigError: it or its library is not there, an option is missing, of no effect, or against
            what the source says.
        ModelError: it is no network that a pack can hold.
    """
    if source.startswith("timm/"):
        return open_timm(source.removeprefix("timm/"), options, models), options
    options.refuse("it is for networks of timm only", "weights")
    path = Path(source)
    # A name of Keras, even if a folder beside has the same: that is where packs are put.
    if source in keras_networks() or not (path.suffix or path.exists()):
        return open_keras_name(source, options, models), options
    with open_files(path) as files:
        found = recognise(files)
        joined = options.join(found.says, found.what)
        network = found.open(joined)
        return replace(
            network,
            classes=found.says.classes or network.classes,
            remarks=(f"Taken for: {found.what}.", *network.remarks),
        ), joined
