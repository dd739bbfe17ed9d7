"""Networks of timm, with the input that timm describes for them."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image

from taskworker_classifyimage.classify.base import Images, OwnClasses
from taskworker_classifyimage.classify.options import ModelOptions
from taskworker_classifyimage.errors import ConfigError, ModelError, one_line
from taskworker_classifyimage.input_spec import InputSpec, Resize
from taskworker_classifyimage.packing.graph import simplify
from taskworker_classifyimage.packing.libraries import import_library, quiet_libraries
from taskworker_classifyimage.packing.network import Network, PackOptions, Scores

_EXTRA: Final = "timm"
_ENVIRONMENT: Final = {
    # The hub's client reports its use otherwise.
    "HF_HUB_DISABLE_TELEMETRY": "1",
    # The default, whatever the environment says: otherwise CPUs with BF16 round, and others do not.
    "ONEDNN_DEFAULT_FPMATH_MODE": "STRICT",
}


def open_timm(name: str, options: PackOptions, models: ModelOptions) -> Network:
    """Opens a network of timm by its name, such as "resnet18" or "resnet18.a1_in1k".

    Raises:
        ConfigError: timm is missing or has no such network, or its weights cannot be downloaded.
        ModelError: it is no network that a pack can hold.
    """
    options.refuse(f"timm knows it for {name}", "size", "scaling", "colours")
    if models.offline:
        os.environ["HF_HUB_OFFLINE"] = "1"
    with _libraries() as (torch, timm):
        _check_name(timm, name)
        model = _create(timm, name, options).eval()
        cfg: Mapping[str, Any] = model.pretrained_cfg
        origin = _describe_origin(cfg, options.weights)
        network = _describe((torch, timm), name, model, cfg, options, origin)
        if options.weights is not None:
            return network
        licence = cfg.get("license") or network.licence
        return replace(network, licence=licence, classes=_read_classes(timm, cfg))


def open_timm_folder(weights: Path, config: Mapping[str, Any], options: PackOptions) -> Network:
    """Opens a network of timm whose weights and description are files.

    Args:
        weights: a safetensors file.
        config: `config.json` beside it, which names timm's architecture.
        options: what is known of it.

    Raises:
        ConfigError: timm is missing, or has no such architecture.
        ModelError: it is no network that a pack can hold.
    """
    name = str(config["architecture"])
    options.refuse(f"{weights.parent.name} says it", "size", "scaling", "colours")
    more, stated = config.get("model_args") or {}, config.get("pretrained_cfg") or {}
    with _libraries() as (torch, timm):
        _check_name(timm, name)
        try:
            loaded = import_library("safetensors.torch", _EXTRA).load_file(weights)
            sizes = {"num_classes": config["num_classes"]} if "num_classes" in config else {}
            model = timm.create_model(name, pretrained=False, exportable=True, **sizes, **more)
            model.load_state_dict(loaded)
        except Exception as err:
            raise ModelError(f"{weights} does not fit {name}: {one_line(err)}") from err
        cfg = {**model.pretrained_cfg, **stated}
        return _describe((torch, timm), name, model.eval(), cfg, options, weights.name)


@contextmanager
def _libraries() -> Iterator[tuple[Any, Any]]:
    """Torch and timm, quiet and exact."""
    # The libraries read these when they are imported.
    os.environ.update(_ENVIRONMENT)
    with quiet_libraries():
        torch, timm = import_library("torch", _EXTRA), import_library("timm", _EXTRA)
        torch.set_float32_matmul_precision("highest")
        yield torch, timm


def _check_name(timm: Any, name: str) -> None:
    if not timm.is_model(name):
        near = ", ".join(get_close_matches(name, timm.list_models(), n=5))
        raise ConfigError(f"timm has no network {name!r}" + (near and f"; it has {near}"))


def _describe(
    libraries: tuple[Any, Any],
    name: str,
    model: Any,
    cfg: Mapping[str, Any],
    options: PackOptions,
    origin: str,
) -> Network:
    torch, timm = libraries
    size = _read_side(name, cfg["input_size"])
    resize: Any = cfg.get("interpolation")
    if resize not in get_args(Resize):
        resize = "bilinear"
    mean, deviation = (np.array(cfg[key], np.float32) * 255 for key in ("mean", "std"))

    def scores(images: Images) -> Scores:
        scaled = (images.astype(np.float32) - mean) / deviation
        with quiet_libraries(), torch.no_grad():
            return np.asarray(model(torch.from_numpy(scaled.transpose(0, 3, 1, 2))))

    # Where the user wants another crop, timm's own is no measure.
    is_changed = options.crop is not None or options.resize is not None
    stated = timm.data.resolve_data_config(pretrained_cfg=dict(cfg), verbose=False)
    transform = timm.data.create_transform(**stated)

    def scores_of_images(images: Sequence[Image.Image]) -> Scores:
        with quiet_libraries(), torch.no_grad():
            return np.asarray(model(torch.stack([transform(image) for image in images])))

    return Network(
        name=name,
        source=f"timm {timm.__version__}: {name}, {origin}",
        input=_read_input(name, cfg, options, size, resize),
        onnx=_export(torch, model, size, (mean, deviation)),
        scores=scores,
        scores_of_images=None if is_changed else scores_of_images,
    )


def _create(timm: Any, name: str, options: PackOptions) -> Any:
    """The network with the published weights, or with the user's own."""
    if options.weights is not None:
        return _create_own(timm, name, options.weights, options.classes)
    try:
        return timm.create_model(name, pretrained=True, exportable=True)
    except Exception as err:
        raise ConfigError(
            f"timm cannot get the weights of {name}: {one_line(err)}; it needs the internet, or "
            "name a safetensors file with --weights"
        ) from err


def _create_own(timm: Any, name: str, path: Path, classes: OwnClasses | None) -> Any:
    """The network with the user's own weights, and as many outputs as the user names classes."""
    sizes = {} if classes is None else {"num_classes": len(classes.ids)}
    try:
        weights = import_library("safetensors.torch", _EXTRA).load_file(path)
        model = timm.create_model(name, pretrained=False, exportable=True, **sizes)
        model.load_state_dict(weights)
    except Exception as err:
        raise ModelError(f"--weights: {path} does not fit: {one_line(err)}") from err
    return model


def _export(
    torch: Any, model: Any, size: int, scaling: tuple[npt.NDArray[np.float32], ...]
) -> bytes:
    """The network as ONNX, with its scaling in the graph: it reads uint8 NHWC RGB."""
    mean, deviation = (torch.from_numpy(values.reshape(1, 3, 1, 1)) for values in scaling)

    class WithScaling(torch.nn.Module):  # type: ignore[misc]  # an extra, and untyped here
        def __init__(self) -> None:
            super().__init__()
            self.model = model
            self.register_buffer("mean", mean)
            self.register_buffer("deviation", deviation)

        def forward(self, image: Any) -> Any:
            pixels = image.permute(0, 3, 1, 2).to(torch.float32)
            return self.model((pixels - self.mean) / self.deviation)

    # Two pictures: torch would take a single one for a fixed batch size.
    example = torch.zeros((2, size, size, 3), dtype=torch.uint8)
    try:
        with quiet_libraries(), torch.no_grad():
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
    return simplify(exported)


def _read_side(name: str, input_size: tuple[int, int, int]) -> int:
    channels, height, width = input_size
    if channels != 3 or height != width:
        raise ModelError(f"{name} takes {input_size}, not square pictures of three channels")
    return height


def _read_input(
    name: str, cfg: Mapping[str, Any], options: PackOptions, size: int, resize: Resize
) -> InputSpec:
    share, mode = float(cfg["crop_pct"]), cfg.get("crop_mode") or "center"
    if options.crop is None and mode not in ("center", "squash"):
        raise ConfigError(
            f"--crop is needed: {name} was evaluated with timm's crop mode {mode!r} at {share}, "
            f"which packs do not have; --crop none is closest to it"
        )
    spec = options.input_spec(size, share, resize)
    return replace(spec, is_stretched=mode == "squash" and options.crop is None)


def _describe_origin(cfg: Mapping[str, Any], weights: Path | None) -> str:
    if weights is not None:
        return f"weights of {weights.name}"
    return str(cfg.get("hf_hub_id") or cfg.get("url") or "published weights")


def _read_classes(timm: Any, cfg: Mapping[str, Any]) -> OwnClasses | None:
    """The classes of the larger ImageNets, which timm names in English."""
    subset = timm.data.infer_imagenet_subset(dict(cfg))
    if subset in (None, "imagenet-1k"):
        return None
    info = timm.data.ImageNetInfo(subset)
    return OwnClasses(tuple(info.label_names()), {"en": tuple(info.label_descriptions())})
