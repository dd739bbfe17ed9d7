"""How a network of Hugging Face's transformers wants its pictures, from `preprocessor_config.json`.

Each class of processors there has defaults for what the file leaves out, and some have rules of
their own (github.com/huggingface/transformers, src/transformers/models/*/image_processing_*.py).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from taskworker_classifyimage.classify.model_pack import Triple
from taskworker_classifyimage.errors import ModelError
from taskworker_classifyimage.input_spec import Resize
from taskworker_classifyimage.packing.network import Scaling

_HALVES: Final = [0.5, 0.5, 0.5]
_IMAGENET: Final[dict[str, Any]] = {
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
}
_CLIP: Final[dict[str, Any]] = {
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}
_ALL: Final[dict[str, Any]] = {
    "do_resize": True,
    "do_center_crop": False,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": _HALVES,
    "image_std": _HALVES,
}


def _square(side: int, resample: int = 3, **more: Any) -> dict[str, Any]:
    """The whole picture is stretched to a square."""
    return {**_ALL, "size": {"height": side, "width": side}, "resample": resample, **more}


def _shorter(side: int, crop: int, resample: int = 3, **more: Any) -> dict[str, Any]:
    """The shorter side is made so long, and the middle is cut out."""
    return {
        **_ALL,
        "size": {"shortest_edge": side},
        "crop_size": {"height": crop, "width": crop},
        "do_center_crop": True,
        "resample": resample,
        **more,
    }


#: By the name of the class without its ending.
_DEFAULTS: Final = {
    "ViT": _square(224, 2),
    "DeiT": _square(256, do_center_crop=True, crop_size=224),
    "Beit": _square(224, crop_size=224),
    "Pvt": _square(224, **_IMAGENET),
    "Siglip": _square(224),
    "Segformer": _square(512, 2, **_IMAGENET),
    "EfficientNet": _square(346, 0, crop_size=289, include_top=True),
    "CLIP": _shorter(224, 224, **_CLIP),
    "Bit": _shorter(224, 224, **_CLIP),
    "MobileNetV1": _shorter(256, 224, 2),
    "MobileNetV2": _shorter(256, 224, 2),
    "Levit": _shorter(224, 224, **_IMAGENET),
    "PoolFormer": _shorter(224, 224, crop_pct=0.9, **_IMAGENET),
    "MobileViT": _shorter(224, 256, do_flip_channel_order=True, do_normalize=False),
    "ConvNext": _shorter(384, 384, do_center_crop=False, crop_pct=224 / 256),
}
#: The class of a network whose file names none.
_OF_NETWORK: Final = {
    "vit": "ViT",
    "deit": "DeiT",
    "beit": "Beit",
    "swin": "ViT",
    "swinv2": "ViT",
    "convnext": "ConvNext",
    "convnextv2": "ConvNext",
    "resnet": "ConvNext",
    "regnet": "ConvNext",
    "mobilenet_v1": "MobileNetV1",
    "mobilenet_v2": "MobileNetV2",
    "mobilevit": "MobileViT",
}
_FILTERS: Final[dict[int, Resize]] = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}
#: From this side on, ConvNext's processor stretches and does not cut.
_LARGE: Final = 384
_ENDING: Final = re.compile(r"(ImageProcessor(Fast|Pil)?|FeatureExtractor)$")


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What a pack says about its input.

    Attributes:
        is_stretched: whether `crop` is of both sides.
    """

    size: int
    crop: float | Literal["none"]
    resize: Resize
    scaling: Scaling
    colours: Literal["RGB", "BGR"]
    is_stretched: bool = False


def read_preprocessing(stated: Mapping[str, Any], network: str, subject: str) -> Preprocessing:
    """Reads the table of a processor.

    Args:
        stated: of the file.
        network: the `model_type` of the network.
        subject: the file, for messages.

    Raises:
        ModelError: a pack cannot hold it, or a value is wrong.
    """
    named = stated.get("image_processor_type") or stated.get("feature_extractor_type")
    family = _ENDING.sub("", str(named)) if named else _OF_NETWORK.get(network, network)
    if family not in _DEFAULTS:
        raise ModelError(f"{subject} is for {family!r}, whose way with pictures no pack can have")
    table = {**_DEFAULTS[family], **{key: each for key, each in stated.items() if each is not None}}
    try:
        return _read(table, family, subject)
    except (TypeError, ValueError, KeyError, ZeroDivisionError, OverflowError) as err:
        raise ModelError(f"{subject} has a wrong value: {err}") from None


def _read(table: Mapping[str, Any], family: str, subject: str) -> Preprocessing:
    if not table["do_resize"]:
        raise ModelError(f"{subject} says that pictures are not resized")
    if table["resample"] not in _FILTERS:
        raise ModelError(f"{subject}: resample {table['resample']} is a filter that packs lack")
    size, crop, is_stretched = _read_square(table, family, subject)
    return Preprocessing(
        size=size,
        crop=crop,
        resize=_FILTERS[table["resample"]],
        scaling=_read_scaling(table),
        colours="BGR" if table.get("do_flip_channel_order") else "RGB",
        is_stretched=is_stretched,
    )


def _read_square(
    table: Mapping[str, Any], family: str, subject: str
) -> tuple[int, float | Literal["none"], bool]:
    """The side of the network's square, the share that is kept, and whether it is of both sides."""
    side, keeps_shape = _read_side(table["size"], subject, table.get("default_to_square"), family)
    if not keeps_shape or (family == "ConvNext" and side >= _LARGE):
        cut = _read_side(table["crop_size"], subject)[0] if table["do_center_crop"] else side
        _check_cut(cut, side, subject)
        return (cut, "none", False) if cut == side else (cut, cut / side, True)
    shorter = _lengthen(side, table, family)
    if family == "ConvNext":
        return side, side / shorter, False
    if not table["do_center_crop"]:
        raise ModelError(f"{subject}: pictures keep their shape, and no pack can hold that")
    cut = _read_side(table["crop_size"], subject)[0]
    _check_cut(cut, shorter, subject)
    return cut, cut / shorter, False


def _check_cut(cut: int, side: int, subject: str) -> None:
    if cut > side:
        raise ModelError(f"{subject}: crop_size {cut} is more than the size {side}")


def _lengthen(side: int, table: Mapping[str, Any], family: str) -> int:
    """How long the shorter side is made before the middle is cut out."""
    if family == "Levit":
        return int(256 / 224 * side)
    if family in ("ConvNext", "PoolFormer"):
        return int(side / float(table["crop_pct"]))
    return side


def _read_side(
    size: Any, subject: str, is_square: bool | None = None, family: str = ""
) -> tuple[int, bool]:
    """A side in pixels, and whether it is the shorter one of a picture that keeps its shape."""
    if isinstance(size, int | float):
        # How a bare number is meant depends on the class.
        keeps_shape = "shortest_edge" in _DEFAULTS[family]["size"] if family else False
        return int(size), keeps_shape and not is_square
    if "shortest_edge" in size and "longest_edge" not in size:
        return int(size["shortest_edge"]), True
    if size.keys() != {"height", "width"} or size["height"] != size["width"]:
        raise ModelError(f"{subject}: the size {size} is not square")
    return int(size["height"]), False


def _read_scaling(table: Mapping[str, Any]) -> Scaling:
    factor = float(table["rescale_factor"]) if table["do_rescale"] else 1.0
    offset = 1.0 if table.get("rescale_offset") else 0.0
    mean, deviation = [0.0] * 3, [1.0] * 3
    if table["do_normalize"]:
        mean, deviation = (_read_triple(table[key]) for key in ("image_mean", "image_std"))
    if 0 in deviation:
        raise ValueError("image_std holds a 0")
    if table["do_normalize"] and table.get("include_top"):
        # EfficientNet's processor divides a second time.
        deviation = [each * each for each in deviation]
    subtract = [(each + offset) / factor for each in mean]
    divide = [each / factor for each in deviation]
    return Scaling(_to_triple(subtract), _to_triple(divide))


def _read_triple(value: Any) -> list[float]:
    numbers = [float(each) for each in value] if isinstance(value, list) else [float(value)] * 3
    if len(numbers) != 3:
        raise ValueError(f"{numbers} are not three numbers")
    return numbers


def _to_triple(numbers: list[float]) -> Triple:
    # Without the last digits of 1 / 255, so that 0.5 is 127.5.
    red, green, blue = (float(f"{each:.9g}") for each in numbers)
    return (red, green, blue)
