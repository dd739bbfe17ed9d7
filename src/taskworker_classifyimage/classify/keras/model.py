"""A Keras network and its file of weights: found in the models folder or downloaded, and verified.

Files are looked for in this order: the published file, NAME.weights.h5, NAME.keras, then those that
the original worker saved.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from taskworker_classifyimage.classify.base import Model
from taskworker_classifyimage.classify.keras.networks import KerasNetwork
from taskworker_classifyimage.classify.options import ModelOptions
from taskworker_classifyimage.errors import ConfigError, ModelError
from taskworker_classifyimage.input_spec import InputSpec
from taskworker_classifyimage.model_file import checksum_file, digest

#: Pixels that the centre crop leaves out of the width and the height, at the network's size: it
#: keeps 0.875 of the picture for 224 pixels, 0.95 for 600, as EfficientNet was evaluated
#: (tensorflow/tpu, models/official/efficientnet).
_BORDER: Final = 32

#: The files that the original worker saves after its first download, by network.
_SAVED_BY_ORIGINAL: Final = {"MobileNetV3Large": "tensorflow/mobilenetv3large_model.keras"}


@dataclass(frozen=True, slots=True)
class KerasModel(Model):
    """A network of Keras and a file with its weights.

    Attributes:
        network: the network's row in the table.
        weights: a `.h5` as Keras publishes it, a `.weights.h5` or a `.keras`.
        is_verified: whether there was a checksum or length to compare with.
    """

    network: KerasNetwork
    weights: Path
    is_verified: bool


def find_keras_model(network: KerasNetwork, options: ModelOptions) -> KerasModel:
    """Finds the network's weights, or downloads them, and verifies them.

    Raises:
        ConfigError: there is no folder to download them into.
        ModelError: they are damaged, or not there and cannot be downloaded.
    """
    folder = options.models_folder()
    weights = None if folder is None else find_weights(network, folder)
    if weights is None:
        weights = _download(network, folder, options)
    sha256, is_verified = _verify(network, weights)
    return KerasModel(
        name=network.name,
        version=weights.name,
        licence=network.licence,
        source=network.url,
        published_top1=network.published_top1,
        sha256=sha256,
        input=InputSpec(network.size, crop=network.size / (network.size + _BORDER)),
        classes=None,
        temperature=1.0,
        threshold=None,
        labels_dir=None,
        network=network,
        weights=weights,
        is_verified=is_verified,
    )


def find_weights(network: KerasNetwork, folder: Path) -> Path | None:
    """The file with the network's weights in a models folder, None if there is none."""
    names = [
        network.file,
        f"{network.name}.weights.h5",
        f"{network.name}.keras",
        f"tensorflow/keras/models/{network.file}",
    ]
    if network.name in _SAVED_BY_ORIGINAL:
        names.append(_SAVED_BY_ORIGINAL[network.name])
    return next((path for name in names if (path := folder / name).is_file()), None)


def _download(network: KerasNetwork, folder: Path | None, options: ModelOptions) -> Path:
    if folder is None:
        raise ConfigError(
            f"there is no folder for the weights of {network.name}, as this user has no home; "
            "name one with --models-dir"
        )
    if options.offline:
        raise ModelError(
            f"{network.name}: {network.file} is not in {folder} and --offline forbids downloading; "
            f"put it there from {network.url}, or on a machine with internet run "
            f"'taskworker-classifyimage models pack {network.name} --output {network.name}', copy "
            f"that folder to this one and name its path with --model"
        )
    # It imports aiohttp, which takes a third of a second, and most starts download nothing.
    from taskworker_classifyimage.download.download import Download, download  # noqa: PLC0415

    target = folder / network.file
    source = Download(network.url, network.md5, network.size_bytes, network.sha256)
    download(source, target, options.tell)
    return target


def _verify(network: KerasNetwork, weights: Path) -> tuple[str, bool]:
    """Returns the file's SHA-256, and whether there was a checksum or length to compare with.

    Raises:
        ModelError: it differs from the checksum in `NAME.sha256` beside it, or the published one.
    """
    sha256 = digest(weights, "sha256")
    pinned = _read_pin(weights)
    if pinned is not None:
        if sha256 != pinned:
            raise ModelError(
                f"{weights} is damaged: its SHA-256 is {sha256[:12]}..., {weights.name}.sha256 "
                f"says {pinned[:12]}...; remove both to download it again"
            )
        return sha256, True
    if weights.name != network.file:
        # Weights of the user's own: no checksum of them is published.
        return sha256, False
    is_published = (
        network.sha256 in {None, sha256}
        and (network.md5 is None or network.md5 == digest(weights, "md5"))
        and network.size_bytes in {None, weights.stat().st_size}
    )
    if not is_published:
        raise ModelError(
            f"{weights} is not the file that Keras publishes: remove it to download it again, or "
            f"write its SHA-256 into {weights.name}.sha256 beside it if the weights are your own"
        )
    return sha256, True


def _read_pin(weights: Path) -> str | None:
    """The checksum in `NAME.sha256` beside a file, as sha256sum writes it or bare; None if none."""
    path = checksum_file(weights)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as err:
        raise ModelError(f"{path} cannot be read: {err}") from None
    found = re.match(r"([0-9a-fA-F]{64})\b", text)
    if found is None:
        raise ModelError(f"{path} holds no SHA-256 (64 hexadecimal digits); write it again")
    return found[1].lower()
