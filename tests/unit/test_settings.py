import base64
import socket
import sys
from pathlib import Path

import pytest

from support.certificates import Authority
from support.settings import load_answers, load_from, load_settings
from taskworker_classifyimage.bridge_client.credentials import Credentials
from taskworker_classifyimage.bridge_client.tls import Tls
from taskworker_classifyimage.classify.device import CPU, Device
from taskworker_classifyimage.errors import ConfigError


def write(folder: Path, text: str) -> str:
    path = folder / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_defaults_start_the_embedded_bridge_under_the_hosts_name() -> None:
    """Nothing given: an embedded bridge on loopback, port 42000."""
    settings = load_settings({}, {})
    assert settings.access.address() is None
    assert settings.worker == socket.gethostname()
    assert (settings.bridge.bridge_host, settings.bridge.bridge_port) == ("localhost", 42000)


def test_flags_beat_environment_beats_file_beats_default(tmp_path: Path) -> None:
    """A source counts only if the sources before it have no value."""
    config = write(tmp_path, 'worker = "file"\nmodel = "file"\ndevice = "cpu"\nin-flight = 3\n')
    environ = {"worker": "environment", "model": "environment"}
    settings = load_settings({"config": config, "worker": "flag"}, environ)
    assert settings.worker == "flag"
    assert settings.models.model == ("environment",)
    assert settings.models.device == CPU
    assert settings.in_flight == 3
    assert settings.general.level("info") == "info"


def test_an_empty_variable_counts_as_not_given() -> None:
    """Container files pass variables that are empty."""
    empty = {"device": "", "taskbridgeurl": "", "TASKWORKER_BRIDGE_PORT": ""}
    settings = load_settings({}, empty)
    assert settings.models.device == Device("auto")
    assert settings.bridge.bridge_port == 42000


def test_only_few_names_are_read_bare_from_the_environment() -> None:
    """A shell's variables must not become settings by accident: LANGUAGE is gettext's."""
    environ = {"bridge-port": "1", "BRIDGE_PORT": "1", "IN_FLIGHT": "1", "in_flight": "1"}
    settings = load_settings({}, environ)
    assert settings.bridge.bridge_port == 42000
    assert settings.in_flight is None
    assert load_answers([], {"LANGUAGE": "de", "language": "de"}).language == "en"


@pytest.mark.parametrize(
    ("bare", "value", "shown"),
    [
        ("taskbridgeurl", "http://h:1/", "http://h:1"),
        ("worker", "w", "w"),
        ("device", "cpu", "cpu"),
        ("model", "m", "('m',)"),
        ("taskbridgeauth", "a:b", "Credentials()"),
        ("bridgetoken", "x" * 16, "x" * 16),
    ],
)
def test_six_names_are_read_without_prefix_in_lower_case_and_in_capitals(
    bare: str, value: str, shown: str
) -> None:
    """Lower case has precedence, then other capitals, then the name with the prefix."""

    def seen(environ: dict[str, str]) -> str:
        settings = load_settings({}, environ)
        address = settings.access.taskbridgeurl
        return {
            "taskbridgeurl": "" if address is None else address.url,
            "worker": settings.worker,
            "device": str(settings.models.device),
            "model": str(settings.models.model),
            "taskbridgeauth": str(settings.access.calling.credentials),
            "bridgetoken": str(settings.bridge.token),
        }[bare]

    other = {"taskbridgeurl": "http://other/", "device": "cuda", "taskbridgeauth": "other:x"}
    prefixed = f"TASKWORKER_{bare.upper()}"
    for environ in (
        {bare: value},
        {bare.upper(): value},
        {prefixed: value},
        {bare.title(): value},
        {prefixed.title(): value},
        {bare: value, bare.upper(): other.get(bare, "other")},
        {bare.upper(): value, prefixed: other.get(bare, "other")},
    ):
        assert seen(environ) == shown


def test_every_other_setting_has_a_variable_with_the_prefix() -> None:
    """Numbers, switches, times and paths, checked in the same way as flags."""
    settings = load_settings(
        {},
        {
            "TASKWORKER_BRIDGE_PORT": "5",
            "TASKWORKER_PROVENANCE": "true",
            "TASKWORKER_OFFLINE": "false",
            "TASKWORKER_TASK_LIMIT": "2h",
            "TASKWORKER_ALLOW_REMOTE": "open",
            "TASKWORKER_STATE": "/here",
            "STATE_DIRECTORY": "/there",
        },
    )
    assert (settings.bridge.bridge_port, settings.provenance) == (5, True)
    assert (settings.models.files.offline, settings.task_limit) == (False, 7200.0)
    assert settings.bridge.allow_remote == "open"
    assert settings.decoding.state_folder() == Path("/here")
    decoding = load_settings({}, {"STATE_DIRECTORY": "/there"}).decoding
    assert decoding.state_folder() == Path("/there")
    assert load_answers([], {"TASKWORKER_LANGUAGE": "de"}).language == "de"


def test_the_settings_file_can_be_named_by_a_variable(tmp_path: Path) -> None:
    """As in a container; the flag has precedence."""
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    first.write_text('worker = "first"', encoding="utf-8")
    second.write_text('worker = "second"', encoding="utf-8")
    environ = {"TASKWORKER_CONFIG": str(first)}
    assert load_settings({}, environ).worker == "first"
    assert load_settings({"config": str(second)}, environ).worker == "second"


def test_a_misspelt_variable_is_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    """Variables of others with this prefix, such as those of Kubernetes, are not."""
    environ = {"TASKWORKER_BRIGE_PORT": "1", "TASKWORKER_SERVICE_HOST": "h", "TASKWORKER_PORT": "1"}
    load_settings({}, environ)
    [warning] = caplog.messages
    assert warning == "TASKWORKER_BRIGE_PORT is not a setting; did you mean TASKWORKER_BRIDGE_PORT?"


@pytest.mark.parametrize("variable", ["TASKWORKER_BRIDGE_PORt", "taskworker_bridge_port"])
def test_a_variable_that_is_read_is_not_warned_about(
    variable: str, caplog: pytest.LogCaptureFixture
) -> None:
    """In whatever capitals."""
    assert load_settings({}, {variable: "8080"}).bridge.bridge_port == 8080
    assert caplog.messages == []


def test_a_misspelt_variable_in_lower_case_is_warned_about(
    caplog: pytest.LogCaptureFixture,
) -> None:
    load_settings({}, {"taskworker_brige_port": "1"})
    [warning] = caplog.messages
    assert warning == "taskworker_brige_port is not a setting; did you mean TASKWORKER_BRIDGE_PORT?"


def test_the_last_one_of_repeated_flags_counts() -> None:
    """Scripts append flags to a command line that has some."""
    arguments = ["--worker", "a", "--model", "a", "--worker", "b", "--model", "b,c", "--offline"]
    settings = load_from([*arguments, "--offline"], {})
    assert (settings.worker, settings.models.model) == ("b", ("b", "c"))
    assert settings.models.files.offline


@pytest.mark.parametrize(
    ("arguments", "level"),
    [
        ([], "info"),
        (["--verbose"], "debug"),
        (["-q"], "warning"),
        (["--quiet"], "warning"),
        (["--log-level", "error"], "error"),
    ],
)
def test_flags_set_the_log_level(arguments: list[str], level: str) -> None:
    """They override the environment."""
    assert load_from(arguments, {}).general.level("info") == level
    if arguments:
        environ = {"TASKWORKER_LOG_LEVEL": "info"}
        assert load_from(arguments, environ).general.level("warning") == level


def test_verbose_and_quiet_exclude_each_other() -> None:
    """They contradict each other."""
    with pytest.raises(ConfigError, match=r"--verbose.*-q"):
        load_from(["--verbose", "-q"], {})


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [([], None), (["--allow-remote"], True), (["--allow-remote", "open"], "open")],
)
def test_remote_callers_are_allowed_with_a_word_or_without(
    arguments: list[str], allowed: object
) -> None:
    """The flag's word can be left out, before another flag too."""
    assert load_from([*arguments, "--bridge-port", "1"], {}).bridge.allow_remote == allowed


def test_the_token_comes_from_the_environment_and_is_not_shown() -> None:
    """A flag would show it to every user of the machine."""
    settings = load_settings({}, {"bridgetoken": "secret-of-the-lab"})
    assert settings.bridge.token == "secret-of-the-lab"
    assert "secret-of-the-lab" not in repr(settings)


def test_origins_are_a_list() -> None:
    """Each is written as browsers send it."""
    text = "https://lab.example, http://10.0.0.5:8080,http://[::1]:80"
    origins = load_settings({"bridge-origins": text}, {}).bridge.bridge_origins
    assert origins == ("https://lab.example", "http://10.0.0.5:8080", "http://[::1]:80")
    assert load_settings({"bridge-origins": "*"}, {}).bridge.bridge_origins == ("*",)


URL = "https://lab.example/"


@pytest.mark.parametrize("is_flag", [True, False])
def test_a_password_on_the_command_line_is_warned_of(
    caplog: pytest.LogCaptureFixture, is_flag: bool
) -> None:
    """Every user of the machine can read it there; the password is used all the same."""
    url: dict[str, str] = {"taskbridgeurl": "https://user:s3cr3t@lab.example/"}
    if is_flag:
        settings = load_settings(url, {})
    else:
        settings = load_settings({}, {"taskbridgeurl": "https://user:s3cr3t@lab.example/"})
    assert ("auth-file" in caplog.text) is is_flag
    assert "s3cr3t" not in caplog.text
    address = settings.access.address()
    assert address is not None
    assert address.credentials == Credentials.basic("user", "s3cr3t")
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

    def user(flags: dict[str, str], environ: dict[str, str]) -> str:
        address = load_settings(flags, environ).access.address()
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


def test_tls_settings_reach_the_bridge_that_is_called(tmp_path: Path) -> None:
    """All of them; with the embedded bridge they have no effect."""
    authority = Authority(tmp_path)
    certificate, key = authority.client()
    flags = {
        "ca-file": str(authority.file),
        "pin-sha256": "ab" * 32,
        "client-cert": str(certificate),
        "client-key": str(key),
    }
    address = load_settings({"taskbridgeurl": URL, **flags}, {}).access.address()
    assert address is not None
    assert address.tls == Tls(authority.file, b"\xab" * 32, client_cert=certificate, client_key=key)
    trusting = load_settings({"taskbridgeurl": URL, "insecure": "true"}, {}).access.address()
    assert trusting is not None
    assert not trusting.tls.is_checked
    assert load_settings(flags, {}).access.address() is None


def test_an_unknown_key_is_refused_by_name(tmp_path: Path) -> None:
    """A typing error in the file is reported, not ignored."""
    config = write(tmp_path, "bridge-prot = 1\n")
    known = r"settings\.toml: 'bridge-prot' is unknown; did you mean 'bridge-port'\?"
    with pytest.raises(ConfigError, match=known):
        load_settings({"config": config}, {})
    with pytest.raises(ConfigError, match=r"'verbose' is unknown; known: worker, "):
        load_settings({"config": write(tmp_path, "verbose = true\n")}, {})


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
        ("worker", "two\nlines"),
        ("worker", "   "),
        ("worker", "lab-1 "),
        ("model", ""),
        ("bridge-lease", "0"),
        ("bridge-keep-days", "-1"),
        ("bridge-origins", "lab.example"),
        ("bridge-proxies", "lab.example"),
        ("bridge-proxies", "10.0.0.0/33"),
        ("bridge-origins", "https://lab.example/"),
        ("bridge-origins", "https://lab.example,null"),
        ("allow-remote", "yes"),
        ("preprocessing", "best"),
    ],
)
def test_a_bad_value_is_refused_by_name_value_and_place(name: str, value: str) -> None:
    """The message says which setting, which value and where it was given."""
    with pytest.raises(ConfigError) as caught:
        load_settings({name: value}, {})
    assert str(caught.value).startswith(f"{name} must ")
    assert repr(value) in str(caught.value)
    assert f"the flag --{name}" in str(caught.value)


@pytest.mark.parametrize(("name", "value"), [("insecure", "yes"), ("offline", "perhaps")])
def test_a_switch_is_on_or_off(name: str, value: str, tmp_path: Path) -> None:
    """The message names the place, whatever it is."""
    variable = f"TASKWORKER_{name.upper()}"
    with pytest.raises(ConfigError) as caught:
        load_settings({}, {variable: value})
    place = f"the environment's {variable}"
    assert str(caught.value) == f"{name} must be true or false; it is {value!r} in {place}"
    with pytest.raises(ConfigError, match=f"{name} must be true or false"):
        load_settings({"config": write(tmp_path, f'{name} = "{value}"')}, {})


def test_a_bad_value_in_the_file_is_refused_with_its_path(tmp_path: Path) -> None:
    """The message names the file."""
    config = write(tmp_path, "bridge-port = 70000\n")
    with pytest.raises(ConfigError) as caught:
        load_settings({"config": config}, {})
    assert str(caught.value) == f"bridge-port must be from 0 to 65535; it is '70000' in {config}"


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


def test_a_missing_file_is_reported() -> None:
    """A file that is named must exist."""
    with pytest.raises(ConfigError, match="No such file"):
        load_settings({"config": "/nowhere/settings.toml"}, {})


@pytest.mark.skipif(sys.platform == "win32", reason="every user of Windows has a home")
def test_a_missing_home_is_an_error_only_if_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's user has none: a worker runs without, the embedded bridge needs a folder."""
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    settings = load_settings({"taskbridgeurl": "http://127.0.0.1:42000/"}, {})
    with pytest.raises(ConfigError, match="--bridge-data"):
        settings.bridge.folder()
    assert load_settings({"bridge-data": "/data"}, {}).bridge.folder() == Path("/data")
