"""How a bridge proves who it is over https, and how the worker does."""

import hashlib
import re
import ssl
from dataclasses import dataclass
from pathlib import Path

from taskworker_classifyimage.errors import ConfigError


class PinMismatch(ssl.SSLCertVerificationError):
    """The bridge showed another certificate than the pinned one.

    Attributes:
        sha256: of the certificate that it showed.
    """

    def __init__(self, sha256: bytes) -> None:
        super().__init__("not the pinned certificate")
        self.sha256 = sha256


@dataclass(frozen=True, slots=True)
class Tls:
    """What is trusted. Without any of it: the system's CAs, and the right host name.

    Attributes:
        ca_file: PEM file of the only CAs that count.
        pin: SHA-256 of the bridge's own certificate (DER), 32 bytes. Takes the place of CA and host
            name; with a `ca_file`, both have to be right.
        is_checked: False trusts anybody.
        client_cert: PEM file of the worker's own certificate, and maybe its key.
        client_key: PEM file of that key, without a passphrase.
    """

    ca_file: Path | None = None
    pin: bytes | None = None
    is_checked: bool = True
    client_cert: Path | None = None
    client_key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Reads the files. The pin counts for who wraps a stream, as asyncio does, and no socket.

        Raises:
            ConfigError: a file is missing or wrong, or the settings contradict each other.
        """
        if not self.is_checked and (self.ca_file or self.pin):
            raise ConfigError("insecure checks nothing; leave it or ca-file and pin-sha256 out")
        if self.client_key and not self.client_cert:
            raise ConfigError("client-key is of no use without client-cert")
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


def parse_pin(text: str) -> bytes:
    """Reads a SHA-256 as openssl shows it, with colons or without.

    Raises:
        ValueError: it is none; says so without a subject.
    """
    digits = text.replace(":", "")
    if not re.fullmatch(r"[0-9A-Fa-f]{64}", digits):
        raise ValueError("must be a SHA-256, 64 hexadecimal digits")
    return bytes.fromhex(digits)


def _pinned(pin: bytes) -> type[ssl.SSLObject]:
    """A TLS client whose handshake fails with any other certificate, before more is sent."""

    class Pinned(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            sha256 = hashlib.sha256(self.getpeercert(binary_form=True) or b"").digest()
            if sha256 != pin:
                raise PinMismatch(sha256)

    return Pinned


def _refuse_passphrase() -> str:
    """Keeps OpenSSL from asking the terminal, which a service does not have."""
    raise ConfigError("client-key has a passphrase; give one without, that only this user can read")


def _reason(err: OSError) -> str:
    if isinstance(err, ssl.SSLError):
        return f"not the PEM that it should be ({err.reason or err})"
    return err.strerror or str(err)
