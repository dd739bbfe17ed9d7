"""What the operator decides. Order: flags, then environment, then settings file, then defaults.

A setting has one name everywhere: the flag `--bridge-port` is the key `bridge-port` of the file.
The environment has only the four names that sibling workers' containers use, and `taskbridgeauth`.
"""

import socket
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from platformdirs import user_data_path

from taskworker_classifyimage import logs
from taskworker_classifyimage.classify.catalogue import DEFAULT_MODEL
from taskworker_classifyimage.classify.device import Device
from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.taskbridge.address import BridgeAddress
from taskworker_classifyimage.taskbridge.credentials import Credentials
from taskworker_classifyimage.taskbridge.tls import Tls, parse_pin

#: Lower case, as the sibling workers' containers have them.
ENVIRONMENT_NAMES: Final = ("taskbridgeurl", "worker", "device", "model")
#: Holds what an auth-file holds.
AUTH_NAME: Final = "taskbridgeauth"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set, checked.

    Attributes:
        taskbridgeurl: the bridge to work for, with what belongs to calling it (ca-file,
            pin-sha256, insecure, client-cert, client-key, auth-file); None starts the embedded one.
        worker: this worker's name, unique on its bridge.
        model: names or paths; the first one answers tasks that name none.
        in_flight: tasks taken and not yet reported, at most; None: as many as the network needs.
        provenance: whether every result tells what it was made of.
        bridge_data: folder of the embedded bridge's tasks and files; None: see `bridge_folder`.
    """

    taskbridgeurl: BridgeAddress | None
    worker: str
    model: tuple[str, ...]
    device: Device
    in_flight: int | None
    provenance: bool
    log_level: str
    bridge_host: str
    bridge_port: int
    bridge_data: Path | None

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


def _access(
    values: dict[str, Any], flags: Mapping[str, str | None], environ: Mapping[str, str]
) -> BridgeAddress | None:
    """Takes what belongs to the bridge out of the values; gives the bridge with all of it.

    Raises:
        ConfigError: a file is missing or wrong, or a password is where everybody can read it.
    """
    address: BridgeAddress | None = values["taskbridgeurl"]
    if address is not None and address.credentials and flags.get("taskbridgeurl"):
        raise ConfigError(
            "taskbridgeurl: a password on the command line can be read by every user of this "
            f"machine; put user:password into the environment ({AUTH_NAME}) or an auth-file"
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
    if name in ENVIRONMENT_NAMES and environ.get(name):
        return environ[name], "the environment"
    return in_file.get(name), f"{config}"


def _read_file(path: Path) -> dict[str, str]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise ConfigError(f"settings file {path}: {err.strerror or err}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
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


def _address(text: str) -> BridgeAddress:
    return BridgeAddress.parse(text)


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


_SETTINGS: Final = (
    _Setting("taskbridgeurl", _address, lambda: None),
    _Setting("ca-file", _path, lambda: None),
    _Setting("pin-sha256", parse_pin, lambda: None),
    _Setting("insecure", _yes_no, lambda: False),
    _Setting("client-cert", _path, lambda: None),
    _Setting("client-key", _path, lambda: None),
    _Setting("auth-file", _path, lambda: None),
    _Setting("worker", _worker_name, lambda: socket.gethostname() or "classifyimage"),
    _Setting("model", _texts, lambda: (DEFAULT_MODEL,)),
    _Setting("device", Device.parse, lambda: Device("auto")),
    _Setting("in-flight", _whole_number(1, 1000), lambda: None),
    _Setting("provenance", _yes_no, lambda: False),
    _Setting("log-level", _one_of(*logs.LEVELS), lambda: "info"),
    _Setting("bridge-host", _text, lambda: "127.0.0.1"),
    _Setting("bridge-port", _whole_number(0, 65535), lambda: 42000),
    _Setting("bridge-data", _path, lambda: None),
)
