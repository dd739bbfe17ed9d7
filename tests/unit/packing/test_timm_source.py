import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from support.clean_process import without_libraries
from support.timm_networks import save, seeded_network, skip_without_timm, timm
from taskworker_classifyimage.classify.base import OwnClasses
from taskworker_classifyimage.classify.description import read_pack
from taskworker_classifyimage.classify.labels import labels_of
from taskworker_classifyimage.errors import ConfigError, ModelError
from taskworker_classifyimage.input_spec import InputSpec
from taskworker_classifyimage.packing import make_pack
from taskworker_classifyimage.packing.comparison import load_pictures
from taskworker_classifyimage.packing.libraries import import_library
from taskworker_classifyimage.packing.network import SCALINGS, PackOptions

# An export takes seconds, and a machine may be busy.
pytestmark = [pytest.mark.large, pytest.mark.timeout(600)]

SMALL = load_pictures(InputSpec(64, 0.875), []).pixels


@pytest.fixture(autouse=True)
def libraries() -> None:
    skip_without_timm()


def test_a_pack_answers_as_timm_does_where_timm_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Size, crop, scaling of timm's own; a process without any of the libraries agrees."""
    name, weights = "mobilenetv3_small_050", tmp_path / "weights.safetensors"
    model = seeded_network(name, SMALL)
    save(model, weights)
    # Processors with BF16 would round now, and others not.
    import_library("torch", "timm").set_float32_matmul_precision("medium")
    monkeypatch.setenv("ONEDNN_DEFAULT_FPMATH_MODE", "BF16")
    compared = make_pack(f"timm/{name}", tmp_path / "pack", PackOptions(weights=weights))
    assert import_library("torch", "timm").get_float32_matmul_precision() == "highest"
    assert os.environ["ONEDNN_DEFAULT_FPMATH_MODE"] == "STRICT"
    assert compared.largest < 1e-4
    pack, cfg = read_pack(tmp_path / "pack"), model.pretrained_cfg
    assert (pack.input.size, pack.input.crop) == (cfg["input_size"][1], cfg["crop_pct"])
    assert pack.classes is None
    assert pack.source.startswith(f"timm {timm().__version__}: {name}, weights of weights")
    pictures = load_pictures(pack.input, []).pixels
    found = without_libraries(tmp_path / "pack", pictures)
    expected = answers(model, pictures)
    assert np.ptp(expected, axis=0).max() > 0.01, "the network tells no pictures apart"
    assert np.abs(found - expected).max() < 1e-4


def test_own_weights_have_own_classes(tmp_path: Path) -> None:
    """A network trained further in the lab: as many outputs as classes are named."""
    weights = tmp_path / "weights.safetensors"
    model = seeded_network("resnet10t", SMALL, num_classes=3)
    save(model, weights)
    options = PackOptions(weights=weights, classes=OwnClasses(("cup", "plate", "fork"), {}))
    make_pack("timm/resnet10t", tmp_path / "pack.zip", options)
    pack = read_pack(tmp_path / "pack.zip")
    assert pack.classes == options.classes
    pictures = load_pictures(pack.input, []).pixels
    found = without_libraries(tmp_path / "pack.zip", pictures)
    assert np.abs(found - answers(model, pictures)).max() < 1e-4


def test_a_folder_of_the_hub_says_all_about_itself(tmp_path: Path) -> None:
    """Safetensors and a table, with timm's own preprocessing from the files on; no download."""
    folder = tmp_path / "hub"
    folder.mkdir()
    model = seeded_network("resnet10t", SMALL, num_classes=3)
    save(model, folder / "model.safetensors")
    stated = {"input_size": [3, 96, 96], "crop_pct": 0.9, "interpolation": "bilinear"}
    config = {
        "architecture": "resnet10t",
        "num_classes": 3,
        "label_names": ["cup", "n01440764", "fork"],
        "label_descriptions": {"cup": "a cup", "fork": "a fork"},
        "pretrained_cfg": {**stated, "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    compared = make_pack(str(folder), tmp_path / "pack", PackOptions())
    assert compared.remarks == ("Taken for: Hugging Face folder of timm.",)
    assert compared.from_files is not None
    assert compared.largest < 1e-4
    pack = read_pack(tmp_path / "pack")
    assert (pack.input.size, pack.input.crop, pack.input.resize) == (96, 0.9, "bilinear")
    assert pack.classes is not None
    assert pack.classes.ids == ("cup", "n01440764", "fork")
    assert labels_of(pack).names("en") == {"cup": "a cup", "n01440764": "tench", "fork": "a fork"}
    (folder / "config.json").write_text(json.dumps({**config, "num_classes": 4}), encoding="utf-8")
    with pytest.raises(ModelError, match=r"model\.safetensors does not fit resnet10t") as caught:
        make_pack(str(folder), tmp_path / "other", PackOptions())
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "other").exists()


def test_what_timm_does_not_have_is_refused(tmp_path: Path) -> None:
    """A typing error gets the nearest names; options without effect and odd weights are refused."""
    timm()
    with pytest.raises(ConfigError, match=r"no network 'resnet18x'.*resnet18"):
        make_pack("timm/resnet18x", tmp_path / "pack", PackOptions())
    with pytest.raises(ConfigError, match="--scaling: timm knows it"):
        make_pack("timm/resnet18", tmp_path / "pack", PackOptions(scaling=SCALINGS["0..1"]))
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(b"\x80\x04\x95pickle")
    with pytest.raises(ModelError, match=r"--weights: .* does not fit") as caught:
        make_pack("timm/resnet18", tmp_path / "pack", PackOptions(weights=weights))
    assert "\n" not in str(caught.value)
    assert [each.name for each in tmp_path.iterdir()] == ["weights.safetensors"]


def answers(model: Any, pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """(N, C) probabilities of (N, S, S, 3) uint8 RGB, scaled by hand as timm's cfg says."""
    torch, cfg = import_library("torch", "timm"), model.pretrained_cfg
    scaled = (pictures / 255 - np.array(cfg["mean"])) / np.array(cfg["std"])
    with torch.no_grad():
        tensor = torch.from_numpy(scaled.transpose(0, 3, 1, 2).astype(np.float32))
        return np.asarray(torch.softmax(model(tensor), dim=1))
