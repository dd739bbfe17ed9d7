"""Every setting of the program, declared once, in one class for each area.

A field's name gives the flag (`--bridge-port`), the settings file's key (`bridge-port`) and the
environment variable (`TASKWORKER_BRIDGE_PORT`). Its annotation says how a text is read, and its
line under `Attributes` is what help, completion and docs/settings.md say about it.
"""

import logging
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal

from cyclopts import Group, Parameter, Token, validators
from platformdirs import user_data_path, user_state_path

from taskworker_classifyimage import PROGRAM
from taskworker_classifyimage.bridge_client.address import BridgeAddress
from taskworker_classifyimage.bridge_client.credentials import Credentials
from taskworker_classifyimage.bridge_client.tls import Tls, parse_pin
from taskworker_classifyimage.bridge_server.access import Network
from taskworker_classifyimage.classify.device import DEVICES, Device
from taskworker_classifyimage.classify.options import DEFAULT_MODEL, Preprocessing
from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.logs import Format, Level, set_up_logging
from taskworker_classifyimage.settings import declare
from taskworker_classifyimage.settings.declare import File, Switch, choice, folder, number, setting
from taskworker_classifyimage.tasks import DEFAULT_LANGUAGE

_log = logging.getLogger(__name__)

#: Variables that hold a secret. Secrets have no flag, as every user of a machine can read the
#: flags of all programs; `--auth-file` and `--bridge-token-file` name a file that holds them.
AUTH_VARIABLE: Final = "taskbridgeauth"
TOKEN_VARIABLE: Final = "bridgetoken"  # noqa: S105 - the variable's name

#: At most one flag of this group can be given.
_EXCLUSIVE: Final = Group(validator=validators.LimitedChoice())
_AUTO: Final = Device("auto")
_MODEL: Final = Group("Model", sort_key=3)


def read_address(_kind: object, tokens: Sequence[Token]) -> BridgeAddress:
    """Reads a bridge's URL; warns of a password on the command line."""
    address = BridgeAddress.parse(tokens[-1].value)
    if address.credentials and tokens[-1].source == "cli":
        _log.warning(
            "taskbridgeurl: a password on the command line can be read by every user of this "
            "machine; put user:password into the environment (%s) or an auth-file",
            AUTH_VARIABLE,
        )
    return address


def _read_flag(kind: object, tokens: Sequence[Token]) -> BridgeAddress | None:
    """Reads a bridge's URL, but not one that was meant for a worker: pictures would go there."""
    return read_address(kind, tokens) if tokens[-1].source == "cli" else None


def _read_credentials(_kind: object, tokens: Sequence[Token]) -> Credentials:
    token = tokens[-1]
    if (token.keyword or "").lower().endswith(AUTH_VARIABLE):
        return Credentials.parse(token.value, f"{token.keyword} in the environment")
    return Credentials.read(declare.read_path(token.value))


def _read_token(_kind: object, tokens: Sequence[Token]) -> Path | str:
    token = tokens[-1]
    is_secret = (token.keyword or "").lower().endswith(TOKEN_VARIABLE)
    return declare.read_text(token.value) if is_secret else declare.read_path(token.value)


Url = Annotated[BridgeAddress | None, setting("URL", converter=read_address)]
#: The same, and only from the command line.
UrlFlag = Annotated[BridgeAddress | None, setting("URL", converter=_read_flag)]


@Parameter(name="*", group=Group("General", sort_key=9))
@dataclass(frozen=True, slots=True, kw_only=True)
class General:
    """Settings of every command.

    Attributes:
        config: settings file (TOML); docs/settings.md
        log_level: lowest level of the messages that are logged
        log_format: lines for people, or one JSON object a line; docs/operations.md
        verbose: same as --log-level debug
        quiet: same as --log-level warning
    """

    config: File = None
    log_level: Annotated[
        Level | None,
        choice("LEVEL", default="info for work and bridge, else warning"),
    ] = None
    log_format: Annotated[Format, choice("FORMAT")] = "text"
    verbose: Annotated[bool, declare.switch(group=("General", _EXCLUSIVE))] = False
    quiet: Annotated[bool, declare.switch(alias="-q", group=("General", _EXCLUSIVE))] = False

    def level(self, default: Level) -> Level:
        """The lowest level that is logged; `default` is the command's own."""
        if self.verbose:
            return "debug"
        return "warning" if self.quiet else self.log_level or default

    def set_up_logging(self, default: Level = "warning") -> None:
        """Starts logging; `default` is the command's own level."""
        set_up_logging(self.level(default), self.log_format)


_CALLING: Final = Group("Bridge to call (docs/security.md)", sort_key=2)


@Parameter(name="*", group=_CALLING)
@dataclass(frozen=True, slots=True, kw_only=True)
class Calling:
    """How a bridge is called that runs elsewhere.

    Attributes:
        credentials: USER:PASSWORD or Bearer TOKEN in a file, or in the variable taskbridgeauth
        ca_file: certificate of the CA that signed the bridge's certificate, PEM
        pin_sha256: SHA-256 of the bridge's certificate, self-signed or not
        client_cert: certificate of this program as a client, PEM
        client_key: key of --client-cert, if not in that file
        insecure: trust any certificate
    """

    credentials: Annotated[
        Credentials | None, setting("FILE", converter=_read_credentials, name="--auth-file")
    ] = None
    ca_file: File = None
    pin_sha256: Annotated[bytes | None, setting("HEX", parse_pin)] = None
    client_cert: File = None
    client_key: File = None
    insecure: Switch = False

    def secure(self, address: BridgeAddress) -> BridgeAddress:
        """A bridge's address with credentials and TLS settings.

        Raises:
            ConfigError: a certificate's file is missing or wrong, or the URL is not https.
        """
        tls = Tls(
            ca_file=self.ca_file,
            pin=self.pin_sha256,
            is_checked=not self.insecure,
            client_cert=self.client_cert,
            client_key=self.client_key,
        )
        return address.secured(tls, self.credentials)


@Parameter(name="*", group=_CALLING)
@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """A bridge that runs elsewhere, and how to call it.

    Attributes:
        taskbridgeurl: address of the bridge, such as http://127.0.0.1:42000/
    """

    taskbridgeurl: Url = None
    calling: Calling = Calling()

    def address(self) -> BridgeAddress | None:
        """The bridge, with credentials and TLS settings; None if no bridge is named.

        Raises:
            ConfigError: a certificate's file is missing or wrong, or the URL is not https.
        """
        return self.taskbridgeurl and self.calling.secure(self.taskbridgeurl)


@Parameter(name="*", group=_MODEL)
@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFiles:
    """Where models and class names are, and whether models may be downloaded; see `ModelOptions`.

    Attributes:
        models_dir: where models are stored
        offline: never download a model
        labels_dir: class names in further languages, or instead of those that there are: TAG.names
    """

    models_dir: Annotated[Path | None, folder("./models if it is there, else in the cache")] = None
    offline: Switch = False
    labels_dir: Annotated[Path | None, folder("none")] = None


@Parameter(name="*", group=_MODEL)
@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """Which models run, and on which device; the first one answers tasks that name no model.

    Attributes:
        model: name that 'models' lists, or path of a model pack; 'work' takes several: A,B
        preprocessing: original: pixels as the original worker prepares them
    """

    model: Annotated[tuple[str, ...], setting("NAME", declare.read_list, default=DEFAULT_MODEL)] = (
        DEFAULT_MODEL,
    )
    device: Annotated[Device, setting("DEVICE", Device.parse, help=f"one of {DEVICES}")] = _AUTO
    preprocessing: Annotated[Preprocessing, choice("HOW")] = "model"
    files: ModelFiles = ModelFiles()


@Parameter(name="*", group=Group("Decoding", sort_key=4))
@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """The decoder processes, and the files that the program keeps between runs.

    Attributes:
        decoder_processes: processes that decode pictures
        decode_timeout: longest time for one picture
        state: for undelivered results, and a list of pictures that ended a decoder process
    """

    decoder_processes: Annotated[int | None, number("N", 1, 1000, default="one per core")] = None
    decode_timeout: Annotated[int, number("SECONDS", 1, 3600)] = 30
    state: Annotated[Path | None, folder("the user's state folder")] = None

    def state_folder(self) -> Path | None:
        """The state folder, which may not exist yet; None if none is named or known."""
        if self.state is not None:
            return self.state
        try:
            return user_state_path(PROGRAM, appauthor=False)
        except RuntimeError:
            return None


@Parameter(name="*", group=Group("Embedded bridge (docs/bridge.md)", sort_key=5))
@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedBridge:
    """The bridge that this program serves.

    `token` is the token itself or the path of a file that holds it; None: callers need no token.
    `allow_remote` is True for "token"; None and False: only this machine may call.

    Attributes:
        bridge_host: address to listen on; localhost: 127.0.0.1 and ::1
        bridge_port: port to listen on; 0: any free port
        bridge_data: for the bridge's tasks and files
        bridge_lease: how long a worker may be silent before its tasks are reopened
        bridge_keep_days: how long completed tasks are kept; 0: permanently
        token: token that callers must send, in a file or in the variable bridgetoken
        allow_remote: other machines may call the bridge with the token; open: without it
        bridge_origins: servers whose pages may call the bridge: A,B or *
        bridge_proxies: reverse proxies whose X-Forwarded-* headers count, besides this machine
    """

    bridge_host: Annotated[str, setting("HOST")] = "localhost"
    bridge_port: Annotated[int, number("PORT", 0, 65535)] = 42000
    bridge_data: Annotated[Path | None, folder("the user's data folder")] = None
    bridge_lease: Annotated[int, number("SECONDS", 1, 86_400)] = 60
    bridge_keep_days: Annotated[int, number("DAYS", 0, 36_500)] = 30
    token: Annotated[
        Path | str | None,
        setting("FILE", converter=_read_token, name="--bridge-token-file"),
    ] = field(default=None, repr=False)
    allow_remote: Annotated[Literal["token", "open"] | bool | None, choice("[=open]")] = None
    bridge_origins: Annotated[
        tuple[str, ...], setting("URL", declare.read_origins, default="none")
    ] = ()
    bridge_proxies: Annotated[
        tuple[Network, ...], setting("NETWORK", declare.read_networks, default="none")
    ] = ()

    def folder(self) -> Path:
        """The folder of its tasks and files, in the user's own data if none is named.

        Raises:
            ConfigError: none is named and the user has no home, as in a container.
        """
        if self.bridge_data is not None:
            return self.bridge_data
        try:
            return user_data_path(PROGRAM, appauthor=False) / "bridge"
        except RuntimeError:
            raise ConfigError("there is no home folder; name a folder with --bridge-data") from None


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSettings:
    """Settings of a command that runs a model on this machine."""

    models: Models = Models()
    decoding: Decoding = Decoding()
    general: General = General()


@Parameter(name="*", group=Group("Machines (docs/cluster.md)", sort_key=7))
@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """On which machines pictures are classified, and by how many actors, which are processes there.

    Attributes:
        engine: local: this machine; ray: a Ray cluster
        ray_address: cluster to join, such as 10.0.0.5:6379
        actor_cpus: CPUs of an actor
        actor_gpus: GPUs of an actor, such as 0.5 if two share one
        min_actors: actors that are always there
        max_actors: actors that there are at most; a cluster may start nodes for them
    """

    engine: Annotated[Literal["local", "ray"], choice("NAME")] = "local"
    ray_address: Annotated[
        str | None,
        setting("ADDRESS", declare.read_ray_address, default="a cluster of this machine"),
    ] = None
    actor_cpus: Annotated[int | None, number("N", 1, 1024, default="up to 4")] = None
    actor_gpus: Annotated[
        float | None, setting("N", declare.read_share, default="1, or 0 without GPUs")
    ] = None
    min_actors: Annotated[int | None, number("N", 1, 100_000, default="as --max-actors")] = None
    max_actors: Annotated[int | None, number("N", 1, 100_000, default="what has room")] = None

    def refuse_fixed(self) -> None:
        """Refuses settings of a cluster where there is none; raises `ConfigError`."""
        for name in ("ray_address", "actor_cpus", "actor_gpus", "min_actors", "max_actors"):
            if getattr(self, name) is not None:
                raise ConfigError(f"--{name.replace('_', '-')} goes with --engine ray")


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifySettings(LocalSettings):
    """Settings of `classify` that say where and how it works."""

    cluster: Cluster = Cluster()


@Parameter(name="*", group=Group("Monitoring (docs/operations.md)", sort_key=6))
@dataclass(frozen=True, slots=True, kw_only=True)
class Monitoring:
    """How a worker can be watched.

    Attributes:
        metrics_port: port for Prometheus and health checks; 0: any free port
        metrics_host: address of that port
        heartbeat: file to touch every 5 seconds as long as the worker is alive
        top: show live in the terminal what the worker does
    """

    metrics_port: Annotated[int | None, number("PORT", 0, 65535, default="none")] = None
    metrics_host: Annotated[str, setting("HOST")] = "127.0.0.1"
    heartbeat: File = None
    top: Switch = False


@Parameter(name="*", group=Group("Worker", sort_key=1))
@dataclass(frozen=True, slots=True, kw_only=True)
class WorkSettings:
    """Settings of `work`; times are in seconds.

    Attributes:
        worker: unique name on the bridge
        in_flight: number of tasks taken and not yet reported
        task_limit: longest time from take to result, without outages and downloads
        rescue_after: reopen tasks of workers that are silent for this time
        language: language of the names for tasks that ask for none
        provenance: add to each result how it was made, with checksums of picture, model and names
    """

    worker: Annotated[str, setting("NAME", declare.read_worker_name, default="the host's name")] = (
        field(default_factory=lambda: socket.gethostname() or "classifyimage")
    )
    in_flight: Annotated[int | None, number("N", 1, 1000, default="what the network needs")] = None
    task_limit: Annotated[float, setting("TIME", declare.read_time, default="10m")] = 600.0
    rescue_after: Annotated[float | None, setting("TIME", declare.read_time, default="never")] = (
        None
    )
    language: Annotated[str, declare.task_data("TAG", "targetlanguage")] = DEFAULT_LANGUAGE
    provenance: Switch = False
    access: Access = Access()
    models: Models = Models()
    decoding: Decoding = Decoding()
    bridge: EmbeddedBridge = EmbeddedBridge()
    monitoring: Monitoring = Monitoring()
    cluster: Cluster = Cluster()
    general: General = General()
