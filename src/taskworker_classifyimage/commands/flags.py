"""Flags that several commands share, and how they become settings."""

import argparse
import os

from taskworker_classifyimage.classify.device import DEVICES
from taskworker_classifyimage.logs import LEVELS
from taskworker_classifyimage.settings import Settings, load_settings


def add_model_flags(parser: argparse.ArgumentParser) -> None:
    """--model, --device, --config."""
    parser.add_argument(
        "--model",
        metavar="NAME",
        help="built-in model, or path of a model pack; the worker takes several: A,B",
    )
    parser.add_argument("--device", metavar="DEVICE", help=f"one of {DEVICES}")
    add_config_flag(parser)


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
    """--bridge-host, --bridge-port, --bridge-data, --log-level."""
    group = parser.add_argument_group("embedded bridge")
    group.add_argument("--bridge-host", metavar="HOST", help="default: 127.0.0.1")
    group.add_argument("--bridge-port", metavar="PORT", help="default: 42000")
    group.add_argument("--bridge-data", metavar="DIR", help="where its tasks and files are kept")
    parser.add_argument("--log-level", metavar="LEVEL", help=f"one of {', '.join(LEVELS)}")


def settings_of(parsed: argparse.Namespace) -> Settings:
    """Flags, environment, file and defaults, settled.

    Raises:
        ConfigError: a value is wrong.
    """
    flags = {name.replace("_", "-"): value for name, value in vars(parsed).items()}
    return load_settings(flags, os.environ)
