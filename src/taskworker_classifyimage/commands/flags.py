"""Flags that several commands share, and how they become settings."""

import argparse
import os
import sys

from taskworker_classifyimage.bridge_server.access import WITH_TOKEN
from taskworker_classifyimage.classify.device import DEVICES
from taskworker_classifyimage.classify.options import PREPROCESSINGS, ModelOptions
from taskworker_classifyimage.logs import LEVELS
from taskworker_classifyimage.settings import Settings, load_settings


def add_model_flags(parser: argparse.ArgumentParser) -> None:
    """--model, --device, --models-dir, --offline, --preprocessing, --config."""
    parser.add_argument(
        "--model",
        metavar="NAME",
        help="name that 'models' lists, or path of a model pack; the worker takes several: A,B",
    )
    parser.add_argument("--device", metavar="DEVICE", help=f"one of {DEVICES}")
    add_models_dir_flag(parser)
    add_offline_flag(parser)
    parser.add_argument(
        "--preprocessing",
        metavar="HOW",
        help=f"one of {', '.join(PREPROCESSINGS)}; original: the pixels of the original worker",
    )
    add_config_flag(parser)


def add_decoder_flags(parser: argparse.ArgumentParser) -> None:
    """--decoder-processes, --decode-timeout."""
    parser.add_argument(
        "--decoder-processes", metavar="N", help="that decode pictures; default: one a core"
    )
    parser.add_argument(
        "--decode-timeout", metavar="SECONDS", help="longest time for one picture; default: 30"
    )


def add_models_dir_flag(parser: argparse.ArgumentParser) -> None:
    """--models-dir."""
    parser.add_argument(
        "--models-dir",
        metavar="DIR",
        help="where models are kept; default: ./models if there, else the user's cache",
    )


def add_offline_flag(parser: argparse.ArgumentParser) -> None:
    """--offline."""
    parser.add_argument(
        "--offline", action="store_const", const="true", help="never download a model"
    )


def add_provenance_flag(parser: argparse.ArgumentParser) -> None:
    """--provenance."""
    parser.add_argument(
        "--provenance",
        action="store_const",
        const="true",
        help="every result tells the checksums of picture, model and names, and how it was decoded",
    )


def add_config_flag(parser: argparse.ArgumentParser) -> None:
    """--config."""
    parser.add_argument("--config", metavar="FILE", help="settings file (TOML, keys as flags)")


def add_access_flags(parser: argparse.ArgumentParser) -> None:
    """--auth-file, --ca-file, --pin-sha256, --client-cert, --client-key, --insecure."""
    group = parser.add_argument_group("access to the bridge (docs/security.md)")
    group.add_argument("--auth-file", metavar="FILE", help="USER:PASSWORD or Bearer TOKEN")
    group.add_argument("--ca-file", metavar="FILE", help="the CA of the bridge's certificate, PEM")
    group.add_argument(
        "--pin-sha256", metavar="HEX", help="the bridge's own certificate, self-signed or not"
    )
    group.add_argument("--client-cert", metavar="FILE", help="this worker's certificate, PEM")
    group.add_argument("--client-key", metavar="FILE", help="its key, if that is a file of its own")
    group.add_argument(
        "--insecure", action="store_const", const="true", help="trust any certificate"
    )


def add_bridge_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of the embedded bridge, and --log-level."""
    group = parser.add_argument_group("embedded bridge")
    group.add_argument("--bridge-host", metavar="HOST", help="default: 127.0.0.1")
    group.add_argument("--bridge-port", metavar="PORT", help="default: 42000")
    group.add_argument("--bridge-data", metavar="DIR", help="where its tasks and files are kept")
    group.add_argument(
        "--bridge-lease",
        metavar="SECONDS",
        help="after which a silent worker's tasks are open again; default: 60",
    )
    group.add_argument(
        "--bridge-keep-days",
        metavar="DAYS",
        help="how long it keeps completed tasks; default: 30, 0: for ever",
    )
    group.add_argument(
        "--bridge-token-file",
        metavar="FILE",
        help="what callers must bring; or the environment's bridgetoken",
    )
    group.add_argument(
        "--allow-remote",
        metavar="open",
        nargs="?",
        const=WITH_TOKEN,
        help="other machines may call it, with the token; 'open': without one",
    )
    group.add_argument(
        "--bridge-origins", metavar="URL", help="servers whose pages may call it: A,B or *"
    )
    parser.add_argument("--log-level", metavar="LEVEL", help=f"one of {', '.join(LEVELS)}")


def settings_of(parsed: argparse.Namespace) -> Settings:
    """Flags, environment, file and defaults, settled.

    Raises:
        ConfigError: a value is wrong.
    """
    flags = {name.replace("_", "-"): value for name, value in vars(parsed).items()}
    return load_settings(flags, os.environ)


def model_options(settings: Settings) -> ModelOptions:
    """How models are found and used; progress goes to the error output."""
    return ModelOptions(settings.models_dir, settings.offline, settings.preprocessing, _tell)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
