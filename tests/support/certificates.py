"""Certificates that are right, and certificates that are wrong in one way."""

import datetime
import ssl
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"
_A_DAY = datetime.timedelta(days=1)


class Authority:
    """A CA of its own, with its certificate in a file."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder = folder
        self._ca = trustme.CA()
        self.file = folder / f"{name}.pem"
        self._ca.cert_pem.write_to_path(self.file)

    def server(self, host: str = HOST, *, is_expired: bool = False) -> ssl.SSLContext:
        """A server with a certificate of this CA."""
        now = datetime.datetime.now(datetime.UTC)
        days = (now - 2 * _A_DAY, now - _A_DAY) if is_expired else (now - _A_DAY, now + _A_DAY)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(host, not_before=days[0], not_after=days[1]).configure_cert(context)
        return context

    def demand_from_clients(self, context: ssl.SSLContext) -> None:
        """Lets only clients in that have a certificate of this CA."""
        self._ca.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED

    def client(self) -> tuple[Path, Path]:
        """A client's certificate and key, as files."""
        issued = self._ca.issue_cert("worker@lab.example")
        certificate, key = self._folder / "client.pem", self._folder / "client.key"
        issued.cert_chain_pems[0].write_to_path(certificate)
        issued.private_key_pem.write_to_path(key)
        return certificate, key


def self_signed(folder: Path) -> tuple[ssl.SSLContext, str]:
    """A server whose certificate nobody vouches for, and that certificate's SHA-256."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bridge")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _A_DAY)
        .not_valid_after(now + _A_DAY)
        .sign(key, hashes.SHA256())
    )
    both = folder / "self-signed.pem"
    both.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private_pem(key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context, certificate.fingerprint(hashes.SHA256()).hex()


def private_pem(key: ec.EllipticCurvePrivateKey, passphrase: bytes | None = None) -> bytes:
    """A key as a PEM file has it."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase)
        if passphrase
        else serialization.NoEncryption(),
    )
