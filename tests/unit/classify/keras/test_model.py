import dataclasses
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.file_server import FileServer
from taskworker_classifyimage.classify.keras.model import find_keras_model, find_weights
from taskworker_classifyimage.classify.keras.networks import KerasNetwork, keras_networks
from taskworker_classifyimage.classify.options import ModelOptions
from taskworker_classifyimage.errors import ConfigError, ModelError

LARGE = keras_networks()["MobileNetV3Large"]
CONTENT = b"what stands for weights; nothing here looks inside"
MD5 = hashlib.md5(CONTENT).hexdigest()
SHA256 = hashlib.sha256(CONTENT).hexdigest()

#: In order of precedence.
PLACES = (
    LARGE.file,
    "MobileNetV3Large.weights.h5",
    "MobileNetV3Large.keras",
    f"tensorflow/keras/models/{LARGE.file}",
    "tensorflow/mobilenetv3large_model.keras",
)


def published(**changes: Any) -> KerasNetwork:
    """MobileNetV3Large as if its weights were `CONTENT`."""
    return dataclasses.replace(LARGE, **{"md5": MD5, **changes})


def put(folder: Path, name: str, content: bytes = CONTENT) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def offline(folder: Path) -> ModelOptions:
    return ModelOptions(folder, offline=True)


def refused(network: KerasNetwork, options: ModelOptions) -> str:
    with pytest.raises((ModelError, ConfigError)) as caught:
        find_keras_model(network, options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    for name in ("http_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with FileServer(CONTENT) as running:
        yield running


def test_weights_are_found_where_people_and_the_original_put_them(tmp_path: Path) -> None:
    """The published file first, the original's last; a folder of that name does not count."""
    assert find_weights(LARGE, tmp_path) is None
    (tmp_path / "nothing").mkdir()
    for name in reversed(PLACES):
        put(tmp_path, name)
        assert find_weights(LARGE, tmp_path) == tmp_path / name
    small = keras_networks()["MobileNetV3Small"]
    assert find_weights(small, tmp_path) is None


def test_the_published_file_is_verified_by_its_checksum(tmp_path: Path) -> None:
    """Name, version and checksum describe the published file."""
    put(tmp_path, LARGE.file)
    model = find_keras_model(published(), offline(tmp_path))
    assert model.is_verified
    assert (model.name, model.version, model.sha256) == ("MobileNetV3Large", LARGE.file, SHA256)
    assert (model.source, model.published_top1, model.class_count) == (LARGE.url, 0.756, 1000)


@pytest.mark.parametrize(
    "wrong", [{"md5": "0" * 32}, {"md5": None, "sha256": "0" * 64}, {"md5": None, "size_bytes": 1}]
)
@pytest.mark.parametrize("place", [PLACES[0], PLACES[3]])
def test_another_file_under_the_published_name_is_refused(
    tmp_path: Path, wrong: dict[str, Any], place: str
) -> None:
    """The message names it and both remedies: download it again, or pin it as one's own."""
    path = put(tmp_path, place)
    message = refused(published(**wrong), offline(tmp_path))
    assert message.startswith(f"{path} is not the file that Keras publishes")
    assert "remove it to download it again" in message
    assert f"{LARGE.file}.sha256" in message
    assert path.exists()


@pytest.mark.parametrize("form", [f"{SHA256}  {LARGE.file}\n", SHA256.upper()])
def test_weights_of_ones_own_can_be_pinned(tmp_path: Path, form: str) -> None:
    """`NAME.sha256`, as sha256sum writes it or bare, takes precedence over the published one."""
    path = put(tmp_path, LARGE.file)
    path.with_name(f"{path.name}.sha256").write_text(form)
    assert find_keras_model(published(md5="0" * 32), offline(tmp_path)).is_verified


def test_a_file_unlike_its_pin_is_refused(tmp_path: Path) -> None:
    """A damaged or manipulated file is detected before the first picture."""
    path = put(tmp_path, "MobileNetV3Large.keras", CONTENT + b"!")
    path.with_name(f"{path.name}.sha256").write_text(SHA256)
    message = refused(published(), offline(tmp_path))
    assert message.startswith(f"{path} is damaged: its SHA-256 is ")
    assert f"says {SHA256[:12]}" in message


@pytest.mark.parametrize("text", ["", "0" * 63, "0" * 65, "not found"])
def test_a_pin_without_a_checksum_is_refused(tmp_path: Path, text: str) -> None:
    """It is never ignored."""
    path = put(tmp_path, LARGE.file)
    path.with_name(f"{path.name}.sha256").write_text(text)
    assert f"{LARGE.file}.sha256 holds no SHA-256" in refused(published(), offline(tmp_path))


def test_a_file_that_nobody_published_is_taken_as_it_is(tmp_path: Path) -> None:
    """A file that the original saved has no checksum; the model says so."""
    put(tmp_path, PLACES[4])
    model = find_keras_model(published(), offline(tmp_path))
    assert not model.is_verified
    assert model.sha256 == SHA256


def test_offline_says_what_is_missing_from_where_and_how_to_bring_it(tmp_path: Path) -> None:
    """One line that an examiner can give to somebody with internet access."""
    message = refused(LARGE, offline(tmp_path))
    for part in (LARGE.file, str(tmp_path), LARGE.url, "--offline"):
        assert part in message
    command = "'taskworker-classifyimage models pack MobileNetV3Large --output MobileNetV3Large'"
    assert f"{command}, copy that folder to this one and name its path with --model" in message


def test_the_first_run_downloads_and_the_second_asks_nobody(
    tmp_path: Path, server: FileServer
) -> None:
    """The models folder is created, progress is reported, and the SHA-256 is stored."""
    told: list[str] = []
    options = ModelOptions(tmp_path / "models", tell=told.append)
    network = published(url=server.url)
    for _ in range(2):
        assert find_keras_model(network, options).weights == tmp_path / "models" / LARGE.file
    assert len(server.seen) == 1
    assert told[-1].endswith("complete and verified")
    (tmp_path / "models" / LARGE.file).write_bytes(b"damaged later")
    assert "is damaged" in refused(network, options)


def test_a_wrong_sha256_is_not_taken_from_the_network_either(
    tmp_path: Path, server: FileServer
) -> None:
    """Some networks have a SHA-256 instead of an MD5."""
    wrong = published(url=server.url, md5=None, sha256="0" * 64)
    assert "its SHA-256 is" in refused(wrong, ModelOptions(tmp_path))
    assert find_weights(wrong, tmp_path) is None
    right = published(url=server.url, md5=None, sha256=SHA256)
    assert find_keras_model(right, ModelOptions(tmp_path)).is_verified


@pytest.mark.skipif(sys.platform == "win32", reason="every user of Windows has a home")
def test_a_user_without_a_home_is_asked_for_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container's user has no home, and needs a folder only for downloads."""
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    assert "--models-dir" in refused(LARGE, ModelOptions())
    (tmp_path / "models").mkdir()
    put(tmp_path / "models", LARGE.file)
    assert find_keras_model(published(), ModelOptions()).weights == tmp_path / "models" / LARGE.file
