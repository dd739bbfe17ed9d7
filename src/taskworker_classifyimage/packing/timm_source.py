"""Networks of timm, with what timm says of how they see pictures."""

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from taskworker_classifyimage.classify.base import OwnClasses
from taskworker_classifyimage.classify.model_pack import TensorSpec
from taskworker_classifyimage.classify.options import ModelOptions
from taskworker_classifyimage.errors import ConfigError, ModelError, one_line
from taskworker_classifyimage.input_spec import Resize
from taskworker_classifyimage.packing.graph import portable
from taskworker_classifyimage.packing.libraries import library, quiet
from taskworker_classifyimage.packing.network import NO_LICENCE, Images, Network, Scores, Wishes

_EXTRA: Final = "timm"
_RESIZES: Final[tuple[Resize, ...]] = ("nearest", "bilinear", "bicubic", "lanczos")


def open_timm(name: str, wishes: Wishes, options: ModelOptions) -> Network:
    """A network of timm by its name, such as "resnet18" or "resnet18.a1_in1k".

    Raises:
        ConfigError: timm is missing or has no such network, or its weights cannot be had.
        ModelError: it is no network that a pack can hold.
    """
    wishes.refuse(f"timm tells it of {name}", "size", "scaling", "colours")
    # The hub's client reads both when it is imported, and tells its maker what runs it otherwise.
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    if options.offline:
        os.environ["HF_HUB_OFFLINE"] = "1"
    with quiet():
        torch, timm = library("torch", _EXTRA), library("timm", _EXTRA)
        if not timm.is_model(name):
            near = ", ".join(get_close_matches(name, timm.list_models(), n=5))
            raise ConfigError(f"timm has no network {name!r}" + (near and f"; it has {near}"))
        model = (_published if wishes.weights is None else _own)(timm, name, wishes)
        model.eval()
    cfg: Mapping[str, Any] = model.pretrained_cfg
    size = _side(name, cfg["input_size"])
    mean, deviation = (np.array(cfg[key], np.float32) * 255 for key in ("mean", "std"))

    def scores(images: Images) -> Scores:
        scaled = (images.astype(np.float32) - mean) / deviation
        with quiet(), torch.no_grad():
            return np.asarray(model(torch.from_numpy(scaled.transpose(0, 3, 1, 2))))

    return Network(
        name=name,
        licence=(cfg.get("license") if wishes.weights is None else None) or NO_LICENCE,
        source=f"timm {timm.__version__}: {name}, {_origin(cfg, wishes.weights)}",
        published_top1=None,
        input=wishes.input(size, _crop(name, cfg, wishes), _resize(cfg)),
        tensor=TensorSpec(),
        onnx=_to_onnx(torch, model, size, (mean, deviation)),
        scores=scores,
        classes=_classes(timm, cfg) if wishes.weights is None else None,
    )


def _published(timm: Any, name: str, _wishes: Wishes) -> Any:
    try:
        return timm.create_model(name, pretrained=True, exportable=True)
    except Exception as err:
        raise ConfigError(
            f"timm cannot get the weights of {name}: {one_line(err)}; it needs the internet, or a "
            f"safetensors file named with --weights"
        ) from err


def _own(timm: Any, name: str, wishes: Wishes) -> Any:
    """The network with weights of the user's own, and as many classes."""
    sizes = {} if wishes.classes is None else {"num_classes": len(wishes.classes.ids)}
    try:
        weights = library("safetensors.torch", _EXTRA).load_file(wishes.weights)
        model = timm.create_model(name, pretrained=False, exportable=True, **sizes)
        model.load_state_dict(weights)
    except Exception as err:
        raise ModelError(f"--weights: {wishes.weights} does not fit: {one_line(err)}") from err
    return model


def _to_onnx(
    torch: Any, model: Any, size: int, scaling: tuple[npt.NDArray[np.float32], ...]
) -> bytes:
    """The network as ONNX, with its scaling in the graph: it reads uint8 NHWC RGB."""
    mean, deviation = (torch.from_numpy(each.reshape(1, 3, 1, 1)) for each in scaling)

    class WithScaling(torch.nn.Module):  # type: ignore[misc]  # an extra, and untyped here
        def __init__(self) -> None:
            super().__init__()
            self.model = model
            self.register_buffer("mean", mean)
            self.register_buffer("deviation", deviation)

        def forward(self, image: Any) -> Any:
            pixels = image.permute(0, 3, 1, 2).to(torch.float32)
            return self.model((pixels - self.mean) / self.deviation)

    # Two pictures: one would be taken for the only number there can be.
    example = torch.zeros((2, size, size, 3), dtype=torch.uint8)
    try:
        with quiet(), torch.no_grad():
            exported = torch.onnx.export(
                WithScaling().eval(),
                (example,),
                dynamo=True,
                dynamic_shapes={"image": {0: torch.export.Dim.DYNAMIC}},
                input_names=["image"],
                output_names=["logits"],
                verbose=False,
            ).model_proto
    except Exception as err:
        raise ModelError(f"torch cannot write the network as ONNX: {one_line(err)}") from err
    return portable(exported)


def _side(name: str, input_size: tuple[int, int, int]) -> int:
    channels, height, width = input_size
    if channels != 3 or height != width:
        raise ModelError(f"{name} takes {input_size}, not square pictures of three channels")
    return height


def _crop(name: str, cfg: Mapping[str, Any], wishes: Wishes) -> float | None:
    share, mode = float(cfg["crop_pct"]), cfg.get("crop_mode") or "center"
    if mode == "center":
        return share
    if wishes.crop is None and not (mode == "squash" and share == 1):
        raise ConfigError(
            f"--crop is needed: {name} was evaluated with timm's crop mode {mode!r} at {share}, "
            f"which a pack does not have; nearest to it is --crop none"
        )
    return None


def _resize(cfg: Mapping[str, Any]) -> Resize:
    for resize in _RESIZES:
        if cfg.get("interpolation") == resize:
            return resize
    return "bilinear"


def _origin(cfg: Mapping[str, Any], weights: Path | None) -> str:
    if weights is not None:
        return f"weights of {weights.name}"
    return str(cfg.get("hf_hub_id") or cfg.get("url") or "published weights")


def _classes(timm: Any, cfg: Mapping[str, Any]) -> OwnClasses | None:
    """The classes of the larger ImageNets, which timm names in English."""
    subset = timm.data.infer_imagenet_subset(dict(cfg))
    if subset in (None, "imagenet-1k"):
        return None
    info = timm.data.ImageNetInfo(subset)
    return OwnClasses(tuple(info.label_names()), {"en": tuple(info.label_descriptions())})
