"""Writes a pack's `model.toml`: what `description` reads."""

import json
from collections.abc import Iterator, Sequence

from taskworker_classifyimage.classify.model import ILSVRC2012, OwnClasses
from taskworker_classifyimage.classify.model_pack import ModelPack, TensorSpec
from taskworker_classifyimage.input_spec import InputSpec


def description_text(pack: ModelPack) -> str:
    """The TOML that describes a pack; read again, it gives the same pack."""
    lines = [
        f"name = {_text(pack.name)}",
        f"version = {_text(pack.version)}",
        f"licence = {_text(pack.licence)}",
        f"source = {_text(pack.source)}",
    ]
    if pack.published_top1 is not None:
        lines.append(f"published_top1 = {pack.published_top1!r}")
    lines.append(f"sha256 = {_text(pack.sha256)}")
    if pack.saturation_safe:
        lines.append("saturation_safe = true")
    lines += ["", "[input]", *_input(pack.input), *_tensor(pack.tensor)]
    lines += ["", "[output]", f"kind = {_text(pack.output)}", *_classes(pack.classes)]
    return "\n".join([*lines, ""])


def _input(spec: InputSpec) -> Iterator[str]:
    yield f"size = {spec.size}"
    yield f"crop = {_text('none') if spec.crop is None else repr(spec.crop)}"
    yield f"resize = {_text(spec.resize)}"


def _tensor(spec: TensorSpec) -> Iterator[str]:
    yield f"dtype = {_text(spec.dtype)}"
    yield f"layout = {_text(spec.layout)}"
    yield f"colours = {_text(spec.colours)}"
    if spec.subtract == (0.0, 0.0, 0.0) and spec.divide == (1.0, 1.0, 1.0):
        yield f"scaling = {_text('none')}"
    else:
        yield f"scaling.subtract = {list(spec.subtract)!r}"
        yield f"scaling.divide = {list(spec.divide)!r}"


def _classes(classes: OwnClasses | None) -> Iterator[str]:
    if classes is None:
        yield f"classes = {_text(ILSVRC2012)}"
        return
    yield f"classes = {_texts(classes.ids)}"
    if classes.names:
        yield from ("", "[output.names]")
    for language, names in classes.names.items():
        yield f"{language} = {_texts(names)}"


def _texts(texts: Sequence[str]) -> str:
    return "".join(["[\n", *(f"    {_text(each)},\n" for each in texts), "]"])


def _text(text: str) -> str:
    """Printable texts are written in TOML as they are in JSON."""
    return json.dumps(text, ensure_ascii=False)
