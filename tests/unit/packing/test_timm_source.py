from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.libraries import timm, views, without_libraries
from taskworker_classifyimage.classify.description import read_pack
from taskworker_classifyimage.classify.model import OwnClasses
from taskworker_classifyimage.errors import ConfigError, ModelError
from taskworker_classifyimage.packing import make_pack
from taskworker_classifyimage.packing.libraries import library, quiet
from taskworker_classifyimage.packing.network import SCALINGS, Wishes


def saved_network(name: str, path: Path, **sizes: int) -> Any:
    """A network with random weights that tell pictures apart, and a file of them."""
    torch, model = library("torch", "timm"), None
    with quiet():
        torch.manual_seed(7)
        model = timm().create_model(name, pretrained=False, exportable=True, **sizes)
        for each in model.modules():
            if isinstance(each, torch.nn.BatchNorm2d):
                # It takes over the statistics of the next pictures, so that no layer dies out.
                each.momentum = None
        pixels = torch.from_numpy(views(64).transpose(0, 3, 1, 2) / np.float32(64) - 2)
        with torch.no_grad():
            model.train()(pixels)
            model.get_classifier().weight *= 3 / model.eval()(pixels).std()
        library("safetensors.torch", "timm").save_file(model.state_dict(), path)
    return model


@pytest.mark.parametrize("name", ["resnet10t", "mobilenetv3_small_050"])
def test_a_pack_answers_as_timm_does_where_timm_is_not(tmp_path: Path, name: str) -> None:
    """Size, crop, scaling of timm's own; a process without any of the libraries agrees."""
    timm()
    weights = tmp_path / "weights.safetensors"
    model = saved_network(name, weights)
    compared = make_pack(f"timm/{name}", tmp_path / "pack", Wishes(weights=weights), [])
    assert compared.largest < 1e-4
    pack, cfg = read_pack(tmp_path / "pack"), model.pretrained_cfg
    assert (pack.input.size, pack.input.crop) == (cfg["input_size"][1], cfg["crop_pct"])
    assert pack.classes is None
    assert pack.source.startswith(f"timm {timm().__version__}: {name}, weights of weights")
    pictures = views(pack.input.size)
    found = without_libraries(tmp_path / "pack", pictures)
    scaled = (pictures / 255 - np.array(cfg["mean"])) / np.array(cfg["std"])
    torch = library("torch", "timm")
    with torch.no_grad():
        tensor = torch.from_numpy(scaled.transpose(0, 3, 1, 2).astype(np.float32))
        expected = torch.softmax(model(tensor), dim=1).numpy()
    assert np.ptp(expected, axis=0).max() > 0.01, "the network tells nothing apart"
    assert np.abs(found - expected).max() < 1e-4


def test_own_weights_have_own_classes(tmp_path: Path) -> None:
    """A network trained further in the lab: as many outputs as classes are named."""
    timm()
    weights = tmp_path / "weights.safetensors"
    saved_network("mobilenetv3_small_050", weights, num_classes=3)
    classes = OwnClasses(("cup", "plate", "fork"), {})
    wishes = Wishes(weights=weights, classes=classes)
    make_pack("timm/mobilenetv3_small_050", tmp_path / "pack.zip", wishes, [])
    assert read_pack(tmp_path / "pack.zip").classes == classes


def test_what_timm_does_not_have_is_refused(tmp_path: Path) -> None:
    """A typing error gets the nearest names, a wish without effect is told, as are odd weights."""
    timm()
    with pytest.raises(ConfigError, match=r"no network 'resnet18x'.*resnet18"):
        make_pack("timm/resnet18x", tmp_path / "pack", Wishes(), [])
    with pytest.raises(ConfigError, match="--scaling: timm tells it"):
        make_pack("timm/resnet18", tmp_path / "pack", Wishes(scaling=SCALINGS["0..1"]), [])
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(b"\x80\x04\x95pickle")
    with pytest.raises(ModelError, match=r"--weights: .* does not fit") as caught:
        make_pack("timm/resnet18", tmp_path / "pack", Wishes(weights=weights), [])
    assert "\n" not in str(caught.value)
    assert [each.name for each in tmp_path.iterdir()] == ["weights.safetensors"]
