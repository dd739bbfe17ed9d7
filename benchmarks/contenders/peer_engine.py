"""What both peers run behind their HTTP: the same model on ONNX Runtime, one thread a process.

The environment says how, because a peer's own command line is not ours:

    BENCH_MODEL_FOLDER  folder with model.onnx and model.toml
    BENCH_DECODER       "pillow": as the peers' own examples decode; "own": this project's decoder
    BENCH_WORKERS       processes
    BENCH_PORT          where to listen, on 127.0.0.1
"""

import io
import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime

_TOP = 10

Decoder = Callable[[bytes], npt.NDArray[np.uint8]]


class Engine:
    """A loaded model with its decoder; one each process."""

    def __init__(self) -> None:
        folder = Path(os.environ["BENCH_MODEL_FOLDER"])
        about = tomllib.loads((folder / "model.toml").read_text(encoding="utf-8"))["input"]
        self._decode = _decoder(os.environ["BENCH_DECODER"], about["size"], about["crop"])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            folder / "model.onnx", options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name

    def classify(self, encoded: bytes) -> dict[str, Any]:
        """An encoded picture to its best classes."""
        (logits,) = self._session.run(None, {self._input: self._decode(encoded)[np.newaxis]})
        powers = np.exp(logits[0] - logits[0].max())
        probabilities = powers / powers.sum()
        best = np.argpartition(probabilities, -_TOP)[-_TOP:]
        best = best[np.argsort(probabilities[best])[::-1]]
        return {
            "predictions": [
                {"class": int(index), "probability": float(probabilities[index])} for index in best
            ]
        }


def _decoder(name: str, size: int, crop: float) -> Decoder:
    if name == "own":
        return _own_decoder(size, crop)
    return _pillow_decoder(size, crop)


def _pillow_decoder(size: int, crop: float) -> Decoder:
    from PIL import Image  # noqa: PLC0415 - only one of the two decoders is loaded

    whole = round(size / crop)
    edge = (whole - size) // 2

    def decode(encoded: bytes) -> npt.NDArray[np.uint8]:
        image = Image.open(io.BytesIO(encoded)).convert("RGB")
        image = image.resize((whole, whole), Image.Resampling.BILINEAR)
        return np.asarray(image.crop((edge, edge, edge + size, edge + size)))

    return decode


def _own_decoder(size: int, crop: float) -> Decoder:
    from taskworker_classifyimage.decode import DecodeLimits, decode  # noqa: PLC0415
    from taskworker_classifyimage.input_spec import InputSpec  # noqa: PLC0415

    spec, limits = InputSpec(size=size, crop=crop), DecodeLimits()
    return lambda encoded: decode(encoded, spec, limits).pixels
