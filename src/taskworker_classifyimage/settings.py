"""What the operator decides. Order: flags, then environment, then settings file, then defaults.

A setting has one name everywhere: the flag `--bridge-port` is the key `bridge-port` of the file.
The environment has only the four names that sibling workers' containers use, the one with which
systemd names a service's own folder, and two secrets, which have no flags as others on the machine
can read those: the embedded bridge's (`bridgetoken`) and the one for a bridge (`taskbridgeauth`).
"""

import logging
import re
import socket
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from platformdirs import user_data_path, user_state_path

from taskworker_classifyimage import logs
from taskworker_classifyimage.bridge_client.address import BridgeAddress
from taskworker_classifyimage.bridge_client.credentials import Credentials
from taskworker_classifyimage.bridge_client.tls import Tls, parse_pin
from taskworker_classifyimage.bridge_server.access import ANY_ORIGIN, OPEN, WITH_TOKEN
from taskworker_classifyimage.classify.device import Device
from taskworker_classifyimage.classify.options import DEFAULT_MODEL, PREPROCESSINGS, Preprocessing
from taskworker_classifyimage.errors import ConfigError

_log = logging.getLogger(__name__)

#: Lower case, as the sibling workers' containers have them.
ENVIRONMENT_NAMES: Final = ("taskbridgeurl", "worker", "device", "model", "bridgetoken")
#: Holds what an auth-file holds.
AUTH_NAME: Final = "taskbridgeauth"

#: Other machines may call the embedded bridge: with its token, or whoever reaches it.
REMOTE_ACCESS: Final = (WITH_TOKEN, OPEN)

#: As a browser writes it: no path, not even a slash.
_ORIGIN: Final = re.compile(
    r"https?://[a-z0-9.\-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:.]+\](:[0-9]{1,5})?"
)
#: Set by `StateDirectory=` in a unit, see systemd.exec(5).
_STATE_VARIABLE: Final = "STATE_DIRECTORY"

_DURATION: Final = re.compile(r"([0-9]{1,9})([smhd]?)", re.ASCII)
_UNITS_S: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST_S: Final = 30 * 86400.0


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set, checked.

    Attributes:
        taskbridgeurl: the bridge to work for, with what belongs to calling it (ca-file,
            pin-sha256, insecure, client-cert, client-key, auth-file); None starts the embedded one.
        worker: this worker's name, unique on its bridge.
        model: names or paths; the first one answers tasks that name none.
        decoder_processes: that decode pictures; None: one a core.
        decode_timeout: seconds that decoding one picture may take.
        models_dir: the models folder; None: see `ModelOptions`.
        offline: whether no model is ever downloaded.
        preprocessing: see `ModelOptions`.
        in_flight: tasks taken and not yet reported, at most; None: as many as the network needs.
        provenance: whether every result tells what it was made of.
        task_limit: longest time from take to result, in seconds, that of an outage not counted.
        rescue_after: seconds after which tasks of silent workers are reopened; None: never.
        state: folder for what outlives the process; None: see `state_folder`.
        bridge_data: folder of the embedded bridge's tasks and files; None: see `bridge_folder`.
        bridge_token_file: holds what callers of the embedded bridge must bring.
        bridgetoken: the same itself; with neither, callers need bring nothing.
        bridge_lease: seconds after which a silent worker's tasks are open again.
        bridge_keep_days: how long the embedded bridge keeps completed tasks; 0: for ever.
        bridge_origins: servers whose pages may call the embedded bridge.
        allow_remote: that other machines may call it, and whether they need the token.
    """

    taskbridgeurl: BridgeAddress | None
    worker: str
    model: tuple[str, ...]
    device: Device
    decoder_processes: int | None
    decode_timeout: int
    models_dir: Path | None
    offline: bool
    preprocessing: Preprocessing
    in_flight: int | None
    provenance: bool
    task_limit: float
    rescue_after: float | None
    state: Path | None
    log_level: str
    bridge_host: str
    bridge_port: int
    bridge_data: Path | None
    bridge_token_file: Path | None
    bridgetoken: str | None = field(repr=False)
    bridge_lease: int
    bridge_keep_days: int
    bridge_origins: tuple[str, ...]
    allow_remote: str | None

    def state_folder(self) -> Path | None:
        """Where results are kept that could not be delivered; None if the user has no home."""
        if self.state is not None:
            return self.state
        try:
            return user_state_path("taskworker-classifyimage", appauthor=False)
        except RuntimeError:
            return None

    def bridge_folder(self) -> Path:
        """The embedded bridge's folder, in the user's own data if none was named.

        Raises:
            ConfigError: none was named and the user has no home, as in a container.
        """
        if self.bridge_data is not None:
            return self.bridge_data
        try:
            return user_data_path("taskworker-classifyimage", appauthor=False) / "bridge"
        except RuntimeError:
            raise ConfigError("there is no home folder; name a folder with --bridge-data") from None


@dataclass(frozen=True, slots=True)
class _Setting:
    """One setting's name, how its text is read, and its default."""

    name: str
    read: Callable[[str], object]
    default: Callable[[], object]


def load_settings(flags: Mapping[str, str | None], environ: Mapping[str, str]) -> Settings:
    """Settles every setting.

    Args:
        flags: texts by setting name ("bridge-port"), None where a flag was not given; besides the
            settings, "config" names the settings file.
        environ: as `os.environ`; an empty value counts as not given.

    Raises:
        ConfigError: a key is unknown or a value is wrong; the message says which and where.
    """
    config = flags.get("config")
    in_file = _read_file(Path(config)) if config else {}
    values: dict[str, Any] = {}
    for setting in _SETTINGS:
        text, where = _find(setting.name, flags, environ, in_file, config)
        try:
            value = setting.default() if text is None else setting.read(text)
        except ValueError as err:
            raise ConfigError(f"{setting.name} {err}; it is {text!r} in {where}") from None
        values[setting.name.replace("-", "_")] = value
    values["taskbridgeurl"] = _access(values, flags, environ)
    return Settings(**values)


def seconds_of(text: str) -> float:
    """Reads a time such as "90s", "10m", "2h" or "1d"; a bare number is seconds.

    Raises:
        ValueError: it is no time, less than a second or more than 30 days.
    """
    matched = _DURATION.fullmatch(text)
    if matched is None:
        raise ValueError("must be a time such as 90s, 10m or 2h")
    seconds = float(matched[1]) * _UNITS_S[matched[2]]
    if not 1 <= seconds <= _LONGEST_S:
        raise ValueError("must be from 1s to 30d")
    return seconds


def _access(
    values: dict[str, Any], flags: Mapping[str, str | None], environ: Mapping[str, str]
) -> BridgeAddress | None:
    """Takes what belongs to the bridge out of the values; gives the bridge with all of it.

    Raises:
        ConfigError: a file is missing or wrong.
    """
    address: BridgeAddress | None = values["taskbridgeurl"]
    if address is not None and address.credentials and flags.get("taskbridgeurl"):
        _log.warning(
            "taskbridgeurl: a password on the command line can be read by every user of this "
            "machine; put user:password into the environment (%s) or an auth-file",
            AUTH_NAME,
        )
    tls = Tls(
        ca_file=values.pop("ca_file"),
        pin=values.pop("pin_sha256"),
        is_checked=not values.pop("insecure"),
        client_cert=values.pop("client_cert"),
        client_key=values.pop("client_key"),
    )
    auth_file: Path | None = values.pop("auth_file")
    credentials = None
    if environ.get(AUTH_NAME) and not flags.get("auth-file"):
        credentials = Credentials.parse(environ[AUTH_NAME], f"{AUTH_NAME} in the environment")
    elif auth_file is not None:
        credentials = Credentials.read(auth_file)
    return None if address is None else address.secured(tls, credentials)


def _find(
    name: str,
    flags: Mapping[str, str | None],
    environ: Mapping[str, str],
    in_file: Mapping[str, str],
    config: str | None,
) -> tuple[str | None, str]:
    flag = flags.get(name)
    if flag is not None:
        return flag, f"the flag --{name}"
    variable = _STATE_VARIABLE if name == "state" else name
    if name in (*ENVIRONMENT_NAMES, "state") and environ.get(variable):
        return environ[variable], "the environment"
    return in_file.get(name), f"{config}"


def _read_file(path: Path) -> dict[str, str]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise ConfigError(f"settings file {path}: {err.strerror or err}") from None
    except (ValueError, RecursionError) as err:
        raise ConfigError(f"settings file {path} is no TOML: {err}") from None
    known = {setting.name: setting for setting in _SETTINGS}
    for name, value in table.items():
        if name not in known:
            raise ConfigError(
                f"settings file {path}: {name!r} is unknown; known: {', '.join(known)}"
            )
        is_switch = known[name].read is _yes_no
        if not isinstance(value, str | int) or isinstance(value, bool) != is_switch:
            kind = "true or false" if is_switch else "a text or a whole number"
            raise ConfigError(f"settings file {path}: {name} must be {kind}")
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in table.items()
    }


def _worker_name(text: str) -> str:
    if not 1 <= len(text) <= 200 or not text.isprintable():
        raise ValueError("must have 1 to 200 printable characters")
    return text


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return text

    return read


def _whole_number(lowest: int, highest: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise ValueError(f"must be a whole number from {lowest} to {highest}")
        if not lowest <= int(text) <= highest:
            raise ValueError(f"must be from {lowest} to {highest}")
        return int(text)

    return read


def _yes_no(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("must be true or false")
    return text == "true"


def _text(text: str) -> str:
    if not text:
        raise ValueError("must not be empty")
    return text


def _path(text: str) -> Path:
    return Path(_text(text))


def _texts(text: str) -> tuple[str, ...]:
    return tuple(_text(part.strip()) for part in text.split(","))


def _origins(text: str) -> tuple[str, ...]:
    origins = _texts(text)
    for origin in origins:
        if origin != ANY_ORIGIN and not _ORIGIN.fullmatch(origin):
            raise ValueError("must look like https://lab.example or http://10.0.0.5:8080, or be *")
    return origins


_SETTINGS: Final = (
    _Setting("taskbridgeurl", BridgeAddress.parse, lambda: None),
    _Setting("ca-file", _path, lambda: None),
    _Setting("pin-sha256", parse_pin, lambda: None),
    _Setting("insecure", _yes_no, lambda: False),
    _Setting("client-cert", _path, lambda: None),
    _Setting("client-key", _path, lambda: None),
    _Setting("auth-file", _path, lambda: None),
    _Setting("worker", _worker_name, lambda: socket.gethostname() or "classifyimage"),
    _Setting("model", _texts, lambda: (DEFAULT_MODEL,)),
    _Setting("device", Device.parse, lambda: Device("auto")),
    _Setting("decoder-processes", _whole_number(1, 1000), lambda: None),
    _Setting("decode-timeout", _whole_number(1, 3600), lambda: 30),
    _Setting("models-dir", _path, lambda: None),
    _Setting("offline", _yes_no, lambda: False),
    _Setting("preprocessing", _one_of(*PREPROCESSINGS), lambda: "model"),
    _Setting("in-flight", _whole_number(1, 1000), lambda: None),
    _Setting("provenance", _yes_no, lambda: False),
    _Setting("task-limit", seconds_of, lambda: 600.0),
    _Setting("rescue-after", seconds_of, lambda: None),
    _Setting("state", _path, lambda: None),
    _Setting("log-level", _one_of(*logs.LEVELS), lambda: "info"),
    _Setting("bridge-host", _text, lambda: "127.0.0.1"),
    _Setting("bridge-port", _whole_number(0, 65535), lambda: 42000),
    _Setting("bridge-data", _path, lambda: None),
    _Setting("bridge-token-file", _path, lambda: None),
    _Setting("bridgetoken", _text, lambda: None),
    _Setting("bridge-lease", _whole_number(1, 86_400), lambda: 60),
    _Setting("bridge-keep-days", _whole_number(0, 36_500), lambda: 30),
    _Setting("bridge-origins", _origins, tuple),
    _Setting("allow-remote", _one_of(*REMOTE_ACCESS), lambda: None),
)
