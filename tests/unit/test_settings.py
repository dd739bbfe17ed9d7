import socket
import sys
from pathlib import Path

import pytest

from taskworker_classifyimage.classify.device import CPU, Device
from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.settings import load_settings


def write(folder: Path, text: str) -> str:
    path = folder / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_defaults_start_the_embedded_bridge_under_the_hosts_name() -> None:
    """Nothing given: an embedded bridge on loopback, port 42000."""
    settings = load_settings({}, {})
    assert settings.taskbridgeurl is None
    assert settings.worker == socket.gethostname()
    assert (settings.bridge_host, settings.bridge_port) == ("127.0.0.1", 42000)


def test_flags_beat_environment_beats_file_beats_default(tmp_path: Path) -> None:
    """Each source is seen only where those before it are silent."""
    config = write(tmp_path, 'worker = "file"\nmodel = "file"\ndevice = "cpu"\nin-flight = 3\n')
    environ = {"worker": "environment", "model": "environment"}
    settings = load_settings({"config": config, "worker": "flag"}, environ)
    assert settings.worker == "flag"
    assert settings.model == ("environment",)
    assert settings.device == CPU
    assert settings.in_flight == 3
    assert settings.log_level == "info"


def test_an_empty_variable_counts_as_not_given() -> None:
    """Container files pass variables that are empty."""
    assert load_settings({}, {"device": "", "taskbridgeurl": ""}).device == Device("auto")


def test_only_few_names_are_read_from_the_environment() -> None:
    """A shell's variables must not turn into settings by chance."""
    assert load_settings({}, {"bridge-port": "1", "in-flight": "1"}).bridge_port == 42000


def test_the_token_comes_from_the_environment_and_is_not_shown() -> None:
    """A flag would show it to everybody on the machine."""
    settings = load_settings({}, {"bridgetoken": "secret-of-the-lab"})
    assert settings.bridgetoken == "secret-of-the-lab"
    assert "secret-of-the-lab" not in repr(settings)


def test_origins_are_a_list() -> None:
    """Each as a browser writes it."""
    text = "https://lab.example, http://10.0.0.5:8080,http://[::1]:80"
    origins = load_settings({"bridge-origins": text}, {}).bridge_origins
    assert origins == ("https://lab.example", "http://10.0.0.5:8080", "http://[::1]:80")
    assert load_settings({"bridge-origins": "*"}, {}).bridge_origins == ("*",)


def test_an_unknown_key_is_refused_by_name(tmp_path: Path) -> None:
    """A typing error in the file is said, not ignored."""
    config = write(tmp_path, "bridge-prot = 1\n")
    with pytest.raises(ConfigError, match=r"settings\.toml: 'bridge-prot' is unknown"):
        load_settings({"config": config}, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bridge-port", "abc"),
        ("bridge-port", "70000"),
        ("bridge-port", "-1"),
        ("in-flight", "0"),
        ("device", "gpu"),
        ("log-level", "loud"),
        ("worker", "two\nlines"),
        ("model", ""),
        ("bridge-lease", "0"),
        ("bridge-keep-days", "-1"),
        ("bridge-origins", "lab.example"),
        ("bridge-origins", "https://lab.example/"),
        ("bridge-origins", "https://lab.example,null"),
        ("allow-remote", "yes"),
        ("offline", "perhaps"),
        ("preprocessing", "best"),
    ],
)
def test_a_bad_value_is_refused_by_name_value_and_place(name: str, value: str) -> None:
    """The message says which setting, which value and where it stands."""
    with pytest.raises(ConfigError) as caught:
        load_settings({name: value}, {})
    assert str(caught.value).startswith(f"{name} must ")
    assert repr(value) in str(caught.value)
    assert f"the flag --{name}" in str(caught.value)


@pytest.mark.parametrize(
    "text", ["worker = ", "worker = [1]", "worker = true", "provenance = 1", "[worker]\na=1"]
)
def test_a_broken_file_is_one_line(tmp_path: Path, text: str) -> None:
    """The file's name and the reason, no stack trace."""
    with pytest.raises(ConfigError, match=r"settings file .*settings\.toml") as caught:
        load_settings({"config": write(tmp_path, text)}, {})
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_said() -> None:
    """A file that was named has to be there."""
    with pytest.raises(ConfigError, match="No such file"):
        load_settings({"config": "/nowhere/settings.toml"}, {})


@pytest.mark.skipif(sys.platform == "win32", reason="every user of Windows has a home")
def test_a_user_without_a_home_is_told_only_if_it_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's user has none: a worker needs none, the embedded bridge asks for a folder."""
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    settings = load_settings({"taskbridgeurl": "http://127.0.0.1:42000/"}, {})
    with pytest.raises(ConfigError, match="--bridge-data"):
        settings.bridge_folder()
    assert load_settings({"bridge-data": "/data"}, {}).bridge_folder() == Path("/data")
