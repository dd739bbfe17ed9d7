"""Accuracy of the built-in models by crop and resize filter: how their `model.toml` were chosen.

    python benchmarks/preprocessing.py PHOTOGRAPHS

PHOTOGRAPHS is a folder as the command `evaluate` takes it. Prints one Markdown table.
"""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

from taskworker_classifyimage.classify.catalogue import built_in_packs
from taskworker_classifyimage.classify.labels import labels_of
from taskworker_classifyimage.classify.model_pack import ModelPack
from taskworker_classifyimage.classify.onnx_runtime import OnnxClassifier
from taskworker_classifyimage.commands.parts import decoder_pool
from taskworker_classifyimage.input_spec import InputSpec, Resize
from taskworker_classifyimage.local.engine import LocalEngine
from taskworker_classifyimage.local.evaluation import Outcome, calibration_error, top_k, truth_of
from taskworker_classifyimage.local.filters import Filters
from taskworker_classifyimage.local.found import Found
from taskworker_classifyimage.local.run import collect
from taskworker_classifyimage.local.walk import Walk
from taskworker_classifyimage.sandbox.pool import DecoderPool
from taskworker_classifyimage.settings.areas import Decoding
from taskworker_classifyimage.tasks import ClassifyRequest

_CROPS = (None, 0.8, 0.875, 0.95, 1.0)
_RESIZES: tuple[Resize, ...] = ("nearest", "bilinear", "bicubic", "lanczos")


def main(folder: Path, decoders: DecoderPool) -> None:
    """One row a model and crop, one column a filter: top-1, top-5, calibration error."""
    print(f"| model | crop | {' | '.join(_RESIZES)} |")
    print(f"|---|---|{'---|' * len(_RESIZES)}")
    for pack in built_in_packs():
        for crop in _CROPS:
            cells = []
            for resize in _RESIZES:
                spec = InputSpec(pack.input.size, crop, resize)
                outcomes = _outcomes(replace(pack, input=spec), decoders, folder)
                error = calibration_error(outcomes)
                cells.append(f"{top_k(outcomes, 1)} / {top_k(outcomes, 5)} / {error:.2f}")
            name = "stretched" if crop is None else f"{crop:g}"
            print(f"| {pack.name} | {name} | {' | '.join(cells)} |", flush=True)


def _outcomes(pack: ModelPack, decoders: DecoderPool, folder: Path) -> list[Outcome]:
    classifier = OnnxClassifier.load(pack)
    ids = labels_of(pack).ids
    paths = [Path(found.path) for found in Walk(Filters(), is_sorted=True).find(str(folder))]
    truths = {path: truth_of(path, folder, ids) for path in paths}
    outcomes = []
    engine = LocalEngine(classifier, decoders, ClassifyRequest(top=5))
    found = (Found(str(path)) for path in truths)
    for row in asyncio.run(collect(engine, found, lambda _: None)):
        predictions, truth = row.result["predictions"], truths[Path(row.path)]
        if isinstance(predictions, list) and predictions and truth is not None:
            classes = tuple(each["class"] for each in predictions)
            outcomes.append(Outcome(Path(row.path), truth, classes, predictions[0]["probability"]))
    return outcomes


if __name__ == "__main__":
    with decoder_pool(Decoding()) as pool:
        main(Path(sys.argv[1]), pool)
