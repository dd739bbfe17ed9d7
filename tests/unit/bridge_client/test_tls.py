import asyncio
import logging
import os
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from support.canned_server import CannedServer, http
from support.certificates import Authority, private_pem, self_signed
from support.gateways import ConnectProxy
from taskworker_classifyimage.bridge_client.address import BridgeAddress
from taskworker_classifyimage.bridge_client.client import BridgeClient
from taskworker_classifyimage.bridge_client.credentials import Credentials
from taskworker_classifyimage.bridge_client.tls import Tls, parse_pin, without_system_cas
from taskworker_classifyimage.errors import BridgeUnavailable, ConfigError

#: Known to no resolver but the proxy's.
REMOTE = "bridge.example"
TOKEN = Credentials.parse("Bearer s3cr3t-t0k3n", "test")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def remote(authority: Authority) -> Iterator[CannedServer]:
    """A bridge that only the proxy can reach."""
    with CannedServer(authority.server(REMOTE)) as server:
        server.answer = http(404)
        yield server


@pytest.fixture
def own_ca(authority: Authority) -> Iterator[CannedServer]:
    with CannedServer(authority.server()) as server:
        server.answer = http(404)
        yield server


def take(url: str, tls: Tls, host: str | None = None) -> object:
    """Takes a task where none is open; None says that the call went through."""

    async def run() -> object:
        address = BridgeAddress.parse(url.replace("127.0.0.1", host or "127.0.0.1"))
        async with BridgeClient(address.secured(tls, TOKEN)) as client:
            return await client.take("classifyimage", "w", {})

    return asyncio.run(run())


def refused(server: CannedServer, tls: Tls, host: str | None = None) -> str:
    """Why a call fails; sees to it that the server got not a byte of it."""
    with pytest.raises(BridgeUnavailable) as caught:
        take(server.url, tls, host)
    assert server.connections == 1
    assert server.requests == []
    return str(caught.value)


def test_a_certificate_of_the_own_ca_is_accepted(
    own_ca: CannedServer, authority: Authority
) -> None:
    """A lab's own CA, which the system does not know."""
    assert take(own_ca.url, Tls(ca_file=authority.file)) == []
    assert "Authorization: Bearer s3cr3t-t0k3n" in own_ca.requests[0]


def test_a_certificate_of_an_unknown_ca_is_refused(own_ca: CannedServer, tmp_path: Path) -> None:
    """Neither the system's CAs nor another own one vouch for it."""
    message = refused(own_ca, Tls())
    assert message.startswith("its certificate is not trusted: ")
    assert "ca-file" in message
    own_ca.connections = 0
    refused(own_ca, Tls(ca_file=Authority(tmp_path, "other").file))


def test_a_certificate_of_another_host_is_refused(
    own_ca: CannedServer, authority: Authority
) -> None:
    """Of the right CA, but not for the name that was asked for."""
    assert "localhost" in refused(own_ca, Tls(ca_file=authority.file), host="localhost")


def test_an_expired_certificate_is_refused(authority: Authority) -> None:
    """Of the right CA and host, until yesterday."""
    with CannedServer(authority.server(is_expired=True)) as server:
        assert "expired" in refused(server, Tls(ca_file=authority.file))


def test_a_self_signed_certificate_is_refused_unless_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """TaskBridge's own come that way: refused, or pinned, or trusted blindly with a loud word."""
    context, sha256 = self_signed(tmp_path)
    with CannedServer(context) as server:
        server.answer = http(404)
        assert "self-signed" in refused(server, Tls())
        with caplog.at_level(logging.WARNING, logger="taskworker_classifyimage"):
            assert take(server.url, Tls(pin=bytes.fromhex(sha256))) == []
            assert caplog.records == []
            assert take(server.url, Tls(is_checked=False)) == []
        assert "NOT CHECKED" in caplog.text
        assert server.url in caplog.text


def test_another_certificate_than_the_pinned_one_is_refused(
    own_ca: CannedServer, authority: Authority
) -> None:
    """Whoever sits in between has another one, even if a trusted CA signed it."""
    for tls in (Tls(pin=bytes(32)), Tls(pin=bytes(32), ca_file=authority.file)):
        own_ca.connections = 0
        assert "not the pinned one" in refused(own_ca, tls)


def test_pin_and_ca_together_want_both(tmp_path: Path, authority: Authority) -> None:
    """The pinned certificate of no known CA is not enough when a CA is named as well."""
    context, sha256 = self_signed(tmp_path)
    with CannedServer(context) as server:
        assert "self-signed" in refused(
            server, Tls(pin=bytes.fromhex(sha256), ca_file=authority.file)
        )


def test_a_client_certificate_is_shown_to_who_asks(authority: Authority) -> None:
    """The bridge lets nobody else in."""
    context = authority.server()
    authority.demand_from_clients(context)
    with CannedServer(context) as server:
        server.answer = http(404)
        certificate, key = authority.client()
        assert take(server.url, Tls(authority.file, client_cert=certificate, client_key=key)) == []
        with pytest.raises(BridgeUnavailable):
            take(server.url, Tls(authority.file))
        assert len(server.requests) == 1


def test_a_pinned_server_can_ask_for_a_client_certificate(authority: Authority) -> None:
    """Pin and client certificate do not exclude each other."""
    context = authority.server()
    authority.demand_from_clients(context)
    certificate, key = authority.client()
    with CannedServer(context) as server:
        server.answer = http(404)
        message = "not the pinned one, but "
        with pytest.raises(BridgeUnavailable, match=message) as caught:
            take(server.url, Tls(pin=bytes(32), client_cert=certificate, client_key=key))
        pin = parse_pin(str(caught.value).partition(message)[2][:64])
        assert take(server.url, Tls(pin=pin, client_cert=certificate, client_key=key)) == []


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[ConnectProxy]:
    """The environment's proxy, with a password of its own."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with ConnectProxy() as running:
        monkeypatch.setenv("https_proxy", running.url.replace("//", "//me:pr0xy-pw@"))
        yield running


def test_a_proxy_sees_neither_token_nor_a_lesser_check(
    proxy: ConnectProxy, remote: CannedServer, authority: Authority
) -> None:
    """In a tunnel the bridge is checked as without one, and only the bridge gets the token."""
    assert take(remote.url, Tls(ca_file=authority.file), REMOTE) == []
    remote.connections = 0
    remote.requests.clear()
    assert "not the pinned one" in refused(remote, Tls(pin=bytes(32)), REMOTE)
    assert len(proxy.heads) == 2
    for head in proxy.heads:
        assert head.startswith(f"CONNECT {REMOTE}:")
        assert "Proxy-Authorization: Basic" in head
        assert "s3cr3t" not in head


def test_a_proxy_that_refuses_is_told_without_its_password(proxy: ConnectProxy) -> None:
    """The message names the proxy as the one who refuses."""
    proxy.status = 407
    with pytest.raises(BridgeUnavailable, match="the proxy refuses us") as caught:
        take("https://127.0.0.1:9", Tls(), REMOTE)
    assert "pr0xy-pw" not in str(caught.value)


def test_a_proxy_may_be_named_without_http(
    proxy: ConnectProxy,
    remote: CannedServer,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As curl and many an administrator's environment have it."""
    monkeypatch.setenv("https_proxy", proxy.url.replace("http://", "me:pr0xy-pw@"))
    assert take(remote.url, Tls(ca_file=authority.file), REMOTE) == []
    assert "Proxy-Authorization: Basic" in proxy.heads[0]


def test_the_systems_cas_vouch_for_a_proxy_with_https(
    own_ca: CannedServer, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also on the way to a bridge without."""
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("http_proxy", own_ca.url)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    assert take("http://127.0.0.1:9", Tls(), REMOTE) == []
    assert own_ca.requests[0].startswith(f"POST http://{REMOTE}:9/")


def test_imports_without_the_systems_cas_leave_the_environment_as_it_was(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contexts that are made later trust what the user says."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    before = dict(os.environ)
    with without_system_cas():
        assert ssl.create_default_context().cert_store_stats()["x509_ca"] == 0
    assert dict(os.environ) == before
    assert ssl.create_default_context().cert_store_stats()["x509_ca"] == 1


@pytest.mark.parametrize("named", ["http://me:pr0xy/pw@h:1", "http://me:pr0xy-pw@", "socks5://h:1"])
def test_a_proxy_that_is_no_url_is_told_without_its_password(
    named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trying again helps nobody, so the one who set it hears of it at once."""
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("https_proxy", named)
    with pytest.raises(ConfigError, match="https_proxy must look like") as caught:
        take("https://127.0.0.1:9", Tls(), REMOTE)
    assert "pr0xy" not in str(caught.value)


def test_this_machine_is_never_called_through_a_proxy(
    proxy: ConnectProxy, own_ca: CannedServer, authority: Authority
) -> None:
    """The proxy would call itself, and the log would say that no bridge runs here."""
    assert take(own_ca.url, Tls(ca_file=authority.file)) == []
    assert proxy.heads == []


def wrong_settings(folder: Path) -> list[tuple[Tls, str]]:
    (folder / "empty.pem").write_text("")
    (folder / "locked.pem").write_bytes(
        private_pem(ec.generate_private_key(ec.SECP256R1()), b"passphrase")
    )
    certificate, key = Authority(folder).client()
    return [
        (Tls(ca_file=folder / "missing.pem"), "No such file"),
        (Tls(ca_file=folder / "empty.pem"), "not a valid PEM"),
        (Tls(client_cert=folder / "missing.pem"), "No such file"),
        (Tls(client_cert=key), "not a valid PEM"),
        (Tls(client_cert=certificate, client_key=folder / "locked.pem"), "passphrase"),
        (Tls(client_key=key), "client-cert"),
        (Tls(ca_file=certificate, is_checked=False), "insecure"),
    ]


def test_wrong_files_are_one_line_at_the_start(tmp_path: Path) -> None:
    """Each kind by its name, before the first call and without a question on the terminal."""
    address = BridgeAddress.parse("https://lab.example/")
    for tls, words in wrong_settings(tmp_path):
        with pytest.raises(ConfigError, match=words) as caught:
            address.secured(tls, None)
        assert "\n" not in str(caught.value)


def test_protection_without_https_is_refused(authority: Authority) -> None:
    """A pin or a CA that does nothing would be taken for protection."""
    for tls in (Tls(ca_file=authority.file), Tls(pin=bytes(32)), Tls(is_checked=False)):
        with pytest.raises(ConfigError, match="https"):
            BridgeAddress.parse("http://lab.example/").secured(tls, None)


def test_a_token_on_an_open_network_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """Not on loopback, where nobody listens."""

    async def open_and_close(url: str) -> None:
        async with BridgeClient(BridgeAddress.parse(url).secured(Tls(), TOKEN)):
            pass

    for url in ("http://127.0.0.1:1/", "http://localhost:1/", "http://[::1]:1/", "https://x/"):
        asyncio.run(open_and_close(url))
    assert caplog.text == ""
    asyncio.run(open_and_close("http://lab.example/"))
    assert "UNENCRYPTED" in caplog.text
    assert "s3cr3t" not in caplog.text


def test_a_pin_is_read_as_openssl_shows_it() -> None:
    """Colons and upper case, or neither."""
    digits = "0123456789abcdef" * 4
    colons = ":".join(digits[i : i + 2] for i in range(0, 64, 2)).upper()
    assert parse_pin(digits) == parse_pin(colons) == bytes.fromhex(digits)
    for wrong in ("", "00", digits + "00", "g" * 64, "sha256:" + digits):
        with pytest.raises(ValueError, match="64 hexadecimal"):
            parse_pin(wrong)
