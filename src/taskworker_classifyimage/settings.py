"""What the operator decides: every setting is declared once, here.

A field's name gives the flag (`--bridge-port`), the settings file's key (`bridge-port`) and the
environment's variable (`TASKWORKER_BRIDGE_PORT`); its annotation says how a text is read and what
help, completion and docs/settings.md say about it. `sources` has the order of these places.
"""

import logging
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal

from cyclopts import Group, Parameter, Token, validators
from platformdirs import user_data_path, user_state_path

from taskworker_classifyimage import PROGRAM, declare, readers
from taskworker_classifyimage.bridge_client.address import BridgeAddress
from taskworker_classifyimage.bridge_client.credentials import Credentials
from taskworker_classifyimage.bridge_client.tls import Tls, parse_pin
from taskworker_classifyimage.bridge_server.access import OPEN, WITH_TOKEN
from taskworker_classifyimage.classify.device import DEVICES, Device
from taskworker_classifyimage.classify.options import DEFAULT_MODEL, PREPROCESSINGS, Preprocessing
from taskworker_classifyimage.errors import ConfigError
from taskworker_classifyimage.logs import LEVELS, Level
from taskworker_classifyimage.tasks import DEFAULT_LANGUAGE, DEFAULT_TOP

_log = logging.getLogger(__name__)

#: Variables that hold a secret. No flag does, as every user of a machine can read the flags of all;
#: `--auth-file` and `--bridge-token-file` name a file with the same in it.
AUTH_VARIABLE: Final = "taskbridgeauth"
TOKEN_VARIABLE: Final = "bridgetoken"  # noqa: S105 - the variable's name

_AUTO: Final = Device("auto")
#: Of its flags only one can be given.
_ONE: Final = Group(validator=validators.LimitedChoice())


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


def _read_credentials(_kind: object, tokens: Sequence[Token]) -> Credentials:
    token = tokens[-1]
    if (token.keyword or "").lower().endswith(AUTH_VARIABLE):
        return Credentials.parse(token.value, f"{token.keyword} in the environment")
    return Credentials.read(readers.path(token.value))


def _read_token(_kind: object, tokens: Sequence[Token]) -> Path | str:
    token = tokens[-1]
    is_secret = (token.keyword or "").lower().endswith(TOKEN_VARIABLE)
    return readers.text(token.value) if is_secret else readers.path(token.value)


#: Of a worker's results, and of those of the command `classify`.
Provenance = Annotated[
    bool,
    declare.switch("add checksums of picture, model and names to results, and how it was decoded"),
]


@Parameter(name="*", group=Group("General", sort_key=9))
@dataclass(frozen=True, slots=True, kw_only=True)
class General:
    """What every command has."""

    config: Annotated[
        Path | None, declare.path("FILE", "settings file (TOML); docs/settings.md")
    ] = None
    log_level: Annotated[
        Level | None,
        declare.word(
            LEVELS,
            "LEVEL",
            "least level of what is logged",
            "info for work and bridge, else warning",
        ),
    ] = None
    verbose: Annotated[bool, declare.switch("as --log-level debug", group=("General", _ONE))] = (
        False
    )
    quiet: Annotated[
        bool, declare.switch("as --log-level warning", alias="-q", group=("General", _ONE))
    ] = False

    def level(self, otherwise: Level) -> Level:
        """What is logged; `otherwise` is the command's own level."""
        if self.verbose:
            return "debug"
        return "warning" if self.quiet else self.log_level or otherwise


@Parameter(name="*", group=Group("Bridge to call (docs/security.md)", sort_key=2))
@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """A bridge that runs elsewhere, and what belongs to calling it."""

    taskbridgeurl: Annotated[
        BridgeAddress | None,
        declare.setting(str, "URL", "such as http://127.0.0.1:42000/", converter=read_address),
    ] = None
    credentials: Annotated[
        Credentials | None,
        declare.setting(
            str,
            "FILE",
            f"USER:PASSWORD or Bearer TOKEN; or these in the environment's {AUTH_VARIABLE}",
            converter=_read_credentials,
            name="--auth-file",
        ),
    ] = None
    ca_file: Annotated[Path | None, declare.path("FILE", "the CA of its certificate, PEM")] = None
    pin_sha256: Annotated[
        bytes | None,
        declare.setting(parse_pin, "HEX", "SHA-256 of its certificate, self-signed or not"),
    ] = None
    client_cert: Annotated[Path | None, declare.path("FILE", "our own certificate, PEM")] = None
    client_key: Annotated[
        Path | None, declare.path("FILE", "key of --client-cert, if not in that file")
    ] = None
    insecure: Annotated[bool, declare.switch("trust any certificate")] = False

    def address(self, url: BridgeAddress | None = None) -> BridgeAddress | None:
        """The bridge and all that belongs to calling it; None if none is named.

        Args:
            url: the bridge, in place of `taskbridgeurl`.

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
        bridge = url or self.taskbridgeurl
        return None if bridge is None else bridge.secured(tls, self.credentials)


_MODEL: Final = Group("Model", sort_key=3)


@Parameter(name="*", group=_MODEL)
@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFiles:
    """Where models lie and come from; see `ModelOptions`."""

    models_dir: Annotated[
        Path | None,
        declare.path("DIR", "where models are kept", "./models if there, else the user's cache"),
    ] = None
    offline: Annotated[bool, declare.switch("never download a model")] = False


@Parameter(name="*", group=_MODEL)
@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """Which models run, and on what; the first one answers tasks that name none."""

    model: Annotated[
        tuple[str, ...],
        declare.setting(
            readers.texts,
            "NAME",
            "name that 'models' lists, or path of a model pack; 'work' takes several: A,B",
            DEFAULT_MODEL,
        ),
    ] = (DEFAULT_MODEL,)
    device: Annotated[Device, declare.setting(Device.parse, "DEVICE", f"one of {DEVICES}")] = _AUTO
    preprocessing: Annotated[
        Preprocessing,
        declare.word(PREPROCESSINGS, "HOW", "original: the pixels of the original worker"),
    ] = "model"
    files: ModelFiles = ModelFiles()


@Parameter(name="*", group=Group("Decoding", sort_key=4))
@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """The decoder processes, and what outlives this one."""

    decoder_processes: Annotated[
        int | None, declare.number(1, 1000, "N", "processes that decode pictures", "one a core")
    ] = None
    decode_timeout: Annotated[
        int, declare.number(1, 3600, "SECONDS", "longest time for one picture")
    ] = 30
    state: Annotated[
        Path | None,
        declare.path(
            "DIR", "for undelivered results and notes on deadly pictures", "the user's state folder"
        ),
    ] = None

    def state_folder(self) -> Path | None:
        """The state folder, there or not; None if none is named and the user has no home."""
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

    Attributes:
        allow_remote: True is `WITH_TOKEN`; None and False: nobody has allowed it.
        token: what callers must bring, or the path of a file that holds it; None: nothing.
    """

    bridge_host: Annotated[str, declare.text("HOST", "where it listens")] = "127.0.0.1"
    bridge_port: Annotated[
        int, declare.number(0, 65535, "PORT", "where it listens; 0: any free port")
    ] = 42000
    bridge_data: Annotated[
        Path | None, declare.path("DIR", "for its tasks and files", "the user's data folder")
    ] = None
    bridge_lease: Annotated[
        int,
        declare.number(1, 86_400, "SECONDS", "after which a silent worker's tasks are open again"),
    ] = 60
    bridge_keep_days: Annotated[
        int, declare.number(0, 36_500, "DAYS", "how long it keeps completed tasks; 0: permanently")
    ] = 30
    token: Annotated[
        Path | str | None,
        declare.setting(
            str,
            "FILE",
            f"token that callers must send; or this in the environment's {TOKEN_VARIABLE}",
            converter=_read_token,
            name="--bridge-token-file",
        ),
    ] = field(default=None, repr=False)
    allow_remote: Annotated[
        Literal["token", "open"] | bool | None,
        declare.word(
            (WITH_TOKEN, OPEN),
            "[=open]",
            "other machines may call it with the token; open: without",
        ),
    ] = None
    bridge_origins: Annotated[
        tuple[str, ...],
        declare.setting(
            readers.origins, "URL", "servers whose pages may call it: A,B or *", "none"
        ),
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


@Parameter(name="*", group=Group("Results", sort_key=1))
@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What `classify` says of a picture."""

    language: Annotated[
        str, declare.setting(readers.as_task_data("targetlanguage"), "TAG", "language of the names")
    ] = DEFAULT_LANGUAGE
    top: Annotated[
        str,
        declare.setting(readers.as_task_data("numberofpredictions"), "N", "predictions a picture"),
    ] = str(DEFAULT_TOP)
    provenance: Provenance = False


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSettings:
    """What a command needs that runs a model on this machine."""

    models: Models = Models()
    decoding: Decoding = Decoding()
    general: General = General()


@Parameter(name="*", group=Group("Worker", sort_key=1))
@dataclass(frozen=True, slots=True, kw_only=True)
class WorkSettings:
    """What `work` needs.

    Attributes:
        in_flight: tasks taken and not yet reported; None: as many as the network needs.
        task_limit: seconds from take to result, those of an outage not counted.
        rescue_after: seconds; None: never.
    """

    worker: Annotated[
        str,
        declare.setting(
            readers.worker_name, "NAME", "unique name on the bridge", "the host's name"
        ),
    ] = field(default_factory=lambda: socket.gethostname() or "classifyimage")
    in_flight: Annotated[
        int | None, declare.number(1, 1000, "N", "tasks at once", "what the network needs")
    ] = None
    task_limit: Annotated[
        float, declare.setting(readers.seconds, "TIME", "longest time that a task may take", "10m")
    ] = 600.0
    rescue_after: Annotated[
        float | None,
        declare.setting(
            readers.seconds, "TIME", "reopen tasks of workers that are silent for so long", "never"
        ),
    ] = None
    provenance: Provenance = False
    access: Access = Access()
    models: Models = Models()
    decoding: Decoding = Decoding()
    bridge: EmbeddedBridge = EmbeddedBridge()
    general: General = General()

    def state_folder(self) -> Path | None:
        """See `Decoding`."""
        return self.decoding.state_folder()


#: All defaults, for the signatures of commands.
GENERAL: Final = General()
ACCESS: Final = Access()
MODEL_FILES: Final = ModelFiles()
BRIDGE: Final = EmbeddedBridge()
ANSWERS: Final = Answers()
LOCAL: Final = LocalSettings()
WORK: Final = WorkSettings()
