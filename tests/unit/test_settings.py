import base64
import socket
import sys
from pathlib import Path

import pytest

from support.certificates import Authority
from taskworker_classifyimage.bridge_client.credentials import Credentials
from taskworker_classifyimage.bridge_client.tls import Tls
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


URL = "https://lab.example/"


@pytest.mark.parametrize("is_flag", [True, False])
def test_a_password_on_the_command_line_is_warned_of(
    caplog: pytest.LogCaptureFixture, is_flag: bool
) -> None:
    """Everybody on the machine can read it there; it works all the same, as it always did."""
    url: dict[str, str | None] = {"taskbridgeurl": "https://user:s3cr3t@lab.example/"}
    if is_flag:
        settings = load_settings(url, {})
    else:
        settings = load_settings({}, {"taskbridgeurl": "https://user:s3cr3t@lab.example/"})
    assert ("auth-file" in caplog.text) is is_flag
    assert "s3cr3t" not in caplog.text
    assert settings.taskbridgeurl is not None
    assert settings.taskbridgeurl.credentials == Credentials.basic("user", "s3cr3t")
    assert "s3cr3t" not in repr(settings)


def test_credentials_come_from_the_first_place_that_has_some(tmp_path: Path) -> None:
    """Flag before environment before settings file, and all of them before the URL."""
    for name in ("flag", "file"):
        (tmp_path / name).write_text(f"{name}:x")
    auth_file = str(tmp_path / "file").replace("\\", "/")
    config = write(tmp_path, f'auth-file = "{auth_file}"\n')
    flags = {"config": config, "auth-file": str(tmp_path / "flag")}
    url = {"taskbridgeurl": "https://url:x@lab.example/"}
    environ = {**url, "taskbridgeauth": "environment:x"}

    def user(flags: dict[str, str | None], environ: dict[str, str]) -> str:
        address = load_settings(flags, environ).taskbridgeurl
        assert address is not None
        assert address.credentials is not None
        return base64.b64decode(address.credentials.header.partition(" ")[2]).decode()

    assert user({**flags}, environ) == "flag:x"
    assert user({"config": config}, environ) == "environment:x"
    assert user({"config": config}, url) == "file:x"
    assert user({}, url) == "url:x"


def test_wrong_credentials_in_the_environment_are_not_repeated() -> None:
    """The message names the variable."""
    with pytest.raises(ConfigError, match="taskbridgeauth in the environment") as caught:
        load_settings({"taskbridgeurl": URL}, {"taskbridgeauth": "s3cr3t"})
    assert "s3cr3t" not in str(caught.value)


def test_what_protects_the_way_belongs_to_the_bridge(tmp_path: Path) -> None:
    """All settings of TLS arrive; with the embedded bridge, which needs none, they rest."""
    authority = Authority(tmp_path)
    certificate, key = authority.client()
    flags = {
        "ca-file": str(authority.file),
        "pin-sha256": "ab" * 32,
        "client-cert": str(certificate),
        "client-key": str(key),
    }
    settings = load_settings({"taskbridgeurl": URL, **flags}, {})
    assert settings.taskbridgeurl is not None
    assert settings.taskbridgeurl.tls == Tls(
        authority.file, b"\xab" * 32, client_cert=certificate, client_key=key
    )
    trusting = load_settings({"taskbridgeurl": URL, "insecure": "true"}, {}).taskbridgeurl
    assert trusting is not None
    assert not trusting.tls.is_checked
    assert load_settings(flags, {}).taskbridgeurl is None


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
        ("pin-sha256", "abc"),
        ("insecure", "yes"),
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
    "text",
    [
        "worker = ",
        "worker = [1]",
        "worker = true",
        "provenance = 1",
        "[worker]\na=1",
        f"worker = {'9' * 5000}",
        f"worker = {'[' * 5000}",
    ],
    ids=lambda text: text[:20],
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
