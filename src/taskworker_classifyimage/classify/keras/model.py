"""A Keras network with its weights at hand: found in the models folder, checked, or downloaded.

models folder: the published file, NAME.weights.h5, NAME.keras, then what the original left
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from taskworker_classifyimage.classify.keras.networks import KerasNetwork
from taskworker_classifyimage.classify.keras.tensorflow_import import check_installed
from taskworker_classifyimage.classify.model import Model
from taskworker_classifyimage.classify.options import ModelOptions
from taskworker_classifyimage.errors import ConfigError, ModelError
from taskworker_classifyimage.input_spec import InputSpec
from taskworker_classifyimage.model_file import checksum_file, digest

#: Of the network's input, left out on all sides together: 0.875 of the picture for 224 pixels,
#: 0.95 for 600. So EfficientNet was evaluated (tensorflow/tpu, models/official/efficientnet).
_BORDER: Final = 32

#: The original saved this one, after its first download.
_OF_THE_ORIGINAL: Final = {"MobileNetV3Large": "tensorflow/mobilenetv3large_model.keras"}


@dataclass(frozen=True, slots=True)
class KerasModel(Model):
    """A network of Keras and a file with its weights.

    Attributes:
        network: what it is.
        weights: a `.h5` as Keras publishes it, a `.weights.h5` or a `.keras`.
        is_verified: whether a checksum or length was there to compare, which was right.
    """

    network: KerasNetwork
    weights: Path
    is_verified: bool


def keras_model(network: KerasNetwork, options: ModelOptions) -> KerasModel:
    """Finds the network's weights, or downloads them.

    Raises:
        ConfigError: there is no folder to download them into.
        ModelError: TensorFlow is not installed; they are not there and cannot be had, or damaged.
    """
    check_installed(network.name)
    folder = options.models_folder()
    weights = None if folder is None else find_weights(network, folder)
    if weights is None:
        weights = _download(network, folder, options)
    sha256, is_verified = _checked(network, weights)
    return KerasModel(
        name=network.name,
        version=weights.name,
        licence=network.licence,
        source=network.url,
        published_top1=network.published_top1,
        sha256=sha256,
        input=InputSpec(network.size, crop=network.size / (network.size + _BORDER)),
        classes=None,
        network=network,
        weights=weights,
        is_verified=is_verified,
    )


def find_weights(network: KerasNetwork, folder: Path) -> Path | None:
    """The file with the network's weights in a models folder, None if there is none."""
    names = [network.file, f"{network.name}.weights.h5", f"{network.name}.keras"]
    names += [f"tensorflow/keras/models/{network.file}", *_original_of(network)]
    return next((path for name in names if (path := folder / name).is_file()), None)


def _original_of(network: KerasNetwork) -> list[str]:
    name = _OF_THE_ORIGINAL.get(network.name)
    return [] if name is None else [name]


def _download(network: KerasNetwork, folder: Path | None, options: ModelOptions) -> Path:
    if folder is None:
        raise ConfigError(
            f"the weights of {network.name} need a folder and there is no home; "
            "name one with --models-dir"
        )
    if options.offline:
        raise ModelError(
            f"{network.name}: {network.file} is not in {folder} and --offline forbids downloading; "
            f"put it there from {network.url}, or on a machine with internet run "
            f"'taskworker-classifyimage models pack {network.name} --output {network.name}', carry "
            f"that folder over and name its path with --model"
        )
    # It takes aiohttp along, a third of a second, and most starts download nothing.
    from taskworker_classifyimage.download.download import Download, download  # noqa: PLC0415

    target = folder / network.file
    what = Download(network.url, network.md5, network.size_bytes, network.sha256)
    download(what, target, options.tell)
    return target


def _checked(network: KerasNetwork, weights: Path) -> tuple[str, bool]:
    """The file's SHA-256, and whether there was something to verify it by.

    Raises:
        ModelError: it is not the one that `NAME.sha256` beside it, or the publisher, says.
    """
    sha256 = digest(weights, "sha256")
    pinned = _pinned(weights)
    if pinned is not None:
        if sha256 != pinned:
            raise ModelError(
                f"{weights} is damaged: its SHA-256 is {sha256[:12]}..., {weights.name}.sha256 "
                f"says {pinned[:12]}...; remove both to download it again"
            )
        return sha256, True
    if weights.name != network.file:
        # Made by whoever put it there; nobody published what it should be.
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


def _pinned(weights: Path) -> str | None:
    """What `NAME.sha256` beside a file says, in the form of sha256sum or bare; None without one."""
    path = checksum_file(weights)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as err:
        raise ModelError(f"{path} cannot be read: {err}") from None
    found = re.match(r"([0-9a-fA-F]{64})\b", text)
    if found is None:
        raise ModelError(f"{path} holds no SHA-256: 64 hexadecimal digits; write it anew")
    return found[1].lower()
