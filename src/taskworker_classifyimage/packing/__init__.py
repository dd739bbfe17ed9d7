"""Makes model packs, on a machine that has the network's own library.

    NETWORK -> keras_source, timm_source or onnx_source -> Network
            -> pack_writer -> comparison -> the pack in its place

Whoever runs the pack afterwards needs neither that library nor this package.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from taskworker_classifyimage.classify.options import ModelOptions
from taskworker_classifyimage.errors import ConfigError, ModelError
from taskworker_classifyimage.packing.comparison import (
    Comparison,
    compare,
    compute_scores,
    load_pictures,
)
from taskworker_classifyimage.packing.keras_source import open_keras_file, open_keras_name
from taskworker_classifyimage.packing.network import Network, PackOptions
from taskworker_classifyimage.packing.onnx_source import open_onnx
from taskworker_classifyimage.packing.pack_writer import check_output, unfinished_pack, write_pack
from taskworker_classifyimage.packing.timm_source import open_timm

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
        source: a Keras name, `timm/NAME`, or the path of a `.keras`, `.h5` or `.onnx` file.
        output: the folder to make, or the zip if its name ends in `.zip`.
        options: what the source does not say.
        photos: pictures to compare on, besides the one that comes with the program.
        models: where the weights of a Keras network are, and whether they may be downloaded.

    Raises:
        ConfigError: an option is missing or of no effect, or the output exists.
        ModelError: the source is no network that a pack can hold, or the pack answers differently.
    """
    check_output(output)
    network = open_network(source, options, models)
    pictures = load_pictures(network.input, photos)
    scores = compute_scores(network, pictures)
    with unfinished_pack(output) as folder:
        try:
            pack = write_pack(network, options, scores, folder)
            allowed = LARGEST_DIFFERENCE_8_BITS if network.has_8_bits else LARGEST_DIFFERENCE
            comparison = compare(pack, scores, pictures, allowed)
        except ModelError as err:
            # The folder named in the message will be gone.
            raise ModelError(str(err).replace(str(folder), source)) from err
        # Written so that NaN fails, too.
        if not comparison.largest <= comparison.allowed:
            raise ModelError(
                f"{source}: the pack's probabilities differ from the source's by up to "
                f"{comparison.largest:.2g}, allowed are {comparison.allowed}; no pack was made"
            )
    return comparison


def open_network(source: str, options: PackOptions, models: ModelOptions) -> Network:
    """Loads a network with its own library and converts it to ONNX.

    Raises:
        ConfigError: it or its library is not there, or an option is missing or of no effect.
        ModelError: it is no network that a pack can hold.
    """
    if source.startswith("timm/"):
        return open_timm(source.removeprefix("timm/"), options, models)
    options.refuse("it is for networks of timm only", "weights")
    path = Path(source)
    if path.suffix in (".onnx", ".keras", ".h5", ".hdf5"):
        if not path.is_file():
            raise ConfigError(f"there is no file {path}")
        return (open_onnx if path.suffix == ".onnx" else open_keras_file)(path, options)
    return open_keras_name(source, options, models)
