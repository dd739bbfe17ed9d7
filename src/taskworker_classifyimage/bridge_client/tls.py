"""TLS settings: which certificates of a bridge are trusted, and the worker's own certificate."""

import hashlib
import os
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from taskworker_classifyimage.errors import ConfigError


class PinMismatch(ssl.SSLCertVerificationError):
    """The bridge's certificate is not the pinned one.

    Attributes:
        sha256: fingerprint of the bridge's certificate.
    """

    def __init__(self, sha256: bytes) -> None:
        super().__init__("not the pinned certificate")
        self.sha256 = sha256


@dataclass(frozen=True, slots=True)
class Tls:
    """What is trusted. The default is the system's CAs, with a check of the host name.

    Attributes:
        ca_file: PEM file of the only trusted CAs.
        pin: SHA-256 of the bridge's certificate (DER), 32 bytes. Replaces the checks of CA and host
            name; with a `ca_file`, all must match.
        is_checked: False trusts any certificate.
        client_cert: PEM file with the worker's own certificate, and optionally its key.
        client_key: PEM file with that key, without a passphrase.
    """

    ca_file: Path | None = None
    pin: bytes | None = None
    is_checked: bool = True
    client_cert: Path | None = None
    client_key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Reads the files; the pin applies to streams (asyncio), not to wrapped sockets.

        Raises:
            ConfigError: a file is missing or wrong, or the settings contradict each other.
        """
        if not self.is_checked and (self.ca_file or self.pin):
            raise ConfigError("insecure checks nothing; remove it, or ca-file and pin-sha256")
        if self.client_key and not self.client_cert:
            raise ConfigError("client-key needs client-cert")
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as err:
            raise ConfigError(f"ca-file {self.ca_file}: {_reason(err)}") from None
        if not self.is_checked or (self.pin and not self.ca_file):
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.pin:
            context.sslobject_class = _pinned(self.pin)
        if self.client_cert:
            try:
                context.load_cert_chain(self.client_cert, self.client_key, _refuse_passphrase)
            except OSError as err:
                files = " and ".join(
                    str(file) for file in (self.client_cert, self.client_key) if file
                )
                raise ConfigError(f"client-cert {files}: {_reason(err)}") from None
        return context


@contextmanager
def without_system_cas() -> Iterator[None]:
    """Keeps contexts that are made inside from reading the CAs of the system, which takes long.

    aiohttp makes two when it is imported. `Connection` and downloads use contexts of their own.
    """
    names = ("SSL_CERT_FILE", "SSL_CERT_DIR")
    before = {name: os.environ[name] for name in names if name in os.environ}
    os.environ.update(dict.fromkeys(names, os.devnull))
    try:
        yield
    finally:
        for name in names:
            del os.environ[name]
        os.environ.update(before)


def parse_pin(text: str) -> bytes:
    """Reads a SHA-256 as openssl shows it, with colons or without.

    Raises:
        ValueError: it is not one; the message has no subject.
    """
    digits = text.replace(":", "")
    if not re.fullmatch(r"[0-9A-Fa-f]{64}", digits):
        raise ValueError("must be a SHA-256, 64 hexadecimal digits")
    return bytes.fromhex(digits)


def _pinned(pin: bytes) -> type[ssl.SSLObject]:
    """A TLS client whose handshake fails with any other certificate, before data is sent."""

    class Pinned(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            sha256 = hashlib.sha256(self.getpeercert(binary_form=True) or b"").digest()
            if sha256 != pin:
                raise PinMismatch(sha256)

    return Pinned


def _refuse_passphrase() -> str:
    """Keeps OpenSSL from asking for it on the terminal, which a service does not have."""
    raise ConfigError("client-key has a passphrase; give one without, that only this user can read")


def _reason(err: OSError) -> str:
    if isinstance(err, ssl.SSLError):
        return f"not a valid PEM file ({err.reason or err})"
    return err.strerror or str(err)
