import shutil
import sys
from pathlib import Path

import pytest

from support.keras_files import skip_without_tensorflow
from support.packs import colour_network, write_pack
from taskworker_classifyimage.classify.catalogue import built_in_packs, find_model, find_pack
from taskworker_classifyimage.classify.keras.model import KerasModel
from taskworker_classifyimage.classify.options import ModelOptions
from taskworker_classifyimage.errors import ConfigError, ModelError


def offline(folder: Path) -> ModelOptions:
    return ModelOptions(folder, offline=True)


def test_packs_in_the_models_folder_go_by_the_name_they_have_there(tmp_path: Path) -> None:
    """A folder, or a zip named without its suffix."""
    pack = write_pack(tmp_path / "models" / "ours", colour_network())
    shutil.make_archive(str(tmp_path / "models" / "zipped"), "zip", pack)
    for name in ("ours", "zipped"):
        assert find_model(name, offline(tmp_path / "models")).name == "Colours"


def test_a_pack_goes_before_the_network_of_keras_that_it_was_made_of(tmp_path: Path) -> None:
    """A lab without TensorFlow copies the pack and changes nothing else."""
    write_pack(tmp_path / "MobileNetV3Large", colour_network())
    assert find_model("MobileNetV3Large", offline(tmp_path)).name == "Colours"


@pytest.mark.large
def test_a_folder_that_is_no_pack_does_not_go_before_a_network_of_keras(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Results are often sorted into folders named after the network."""
    skip_without_tensorflow()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "MobileNetV3Large").mkdir()
    with pytest.raises(ModelError, match="--offline forbids downloading"):
        find_model("MobileNetV3Large", offline(tmp_path / "models"))
    write_pack(tmp_path / "MobileNetV3Large", colour_network())
    assert find_model("MobileNetV3Large", offline(tmp_path / "models")).name == "Colours"


def test_built_in_models_need_no_models_folder(tmp_path: Path) -> None:
    """A models folder that does not exist is no error."""
    options = offline(tmp_path / "nowhere")
    assert find_model("EfficientNetLite2", options).name == "EfficientNetLite2"


@pytest.mark.large
def test_a_keras_name_is_found_with_its_own_size_and_this_programs_crop(tmp_path: Path) -> None:
    """The larger the input, the smaller the share that the crop leaves out."""
    skip_without_tensorflow()
    (tmp_path / "EfficientNetB7.weights.h5").write_bytes(b"not looked at yet")
    model = find_model("EfficientNetB7", offline(tmp_path))
    assert isinstance(model, KerasModel)
    assert (model.input.size, model.input.resize) == (600, "bicubic")
    assert model.input.crop == pytest.approx(0.949, abs=0.001)


@pytest.mark.parametrize(
    ("model", "meant"),
    [
        ("MobilenetV3Large", "MobileNetV3Large"),
        ("mobilenetv3large", "MobileNetV3Large"),
        ("Resnet50", "ResNet50"),
        ("resnet50", "ResNet50"),
        ("EfficientNetLight2", "EfficientNetLite2"),
    ],
)
def test_a_typing_error_is_answered_with_what_was_meant(
    tmp_path: Path, model: str, meant: str
) -> None:
    """Names of Keras are easily mistyped."""
    with pytest.raises(ConfigError, match=rf"did you mean {meant}\?"):
        find_model(model, offline(tmp_path))


def test_a_broken_zip_in_the_models_folder_harms_only_its_own_name(tmp_path: Path) -> None:
    """Other models are found as if it were not there."""
    (tmp_path / "broken.zip").write_bytes(b"no zip")
    assert find_model("EfficientNetLite0", offline(tmp_path)).name == "EfficientNetLite0"
    with pytest.raises(ModelError, match=r"broken\.zip is neither a folder nor a zip"):
        find_model("broken", offline(tmp_path))


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_folder_that_is_closed_to_us_harms_only_its_own_name(tmp_path: Path) -> None:
    """Such as a disk's lost+found; a broken link stands for it, as root may open any folder."""
    (tmp_path / "closed").symlink_to("x" * 300)
    write_pack(tmp_path / "ours", colour_network())
    assert find_model("ours", offline(tmp_path)).name == "Colours"
    with pytest.raises(ModelError, match=r"closed: model\.toml: File name too long"):
        find_model("closed", offline(tmp_path))


def test_the_three_models_are_there() -> None:
    """The README names them."""
    assert [pack.name for pack in built_in_packs()] == [
        "EfficientNetLite0",
        "EfficientNetLite1",
        "EfficientNetLite2",
    ]


def test_an_unknown_model_is_refused_with_those_that_are_there() -> None:
    """The message lists the names that exist."""
    with pytest.raises(ConfigError, match=r"no model 'EfficientNet'; there are .*Lite2"):
        find_pack("EfficientNet")


def test_without_the_extra_nothing_is_downloaded_and_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hundreds of megabytes would be downloaded that nothing here can run."""
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(ModelError) as caught:
        find_model("MobileNetV3Large", ModelOptions(tmp_path))
    message = str(caught.value)
    assert "\n" not in message
    assert f'{sys.executable} -m pip install "taskworker-classifyimage[tensorflow]"' in message
    assert "models pack" in message
    assert list(tmp_path.iterdir()) == []
