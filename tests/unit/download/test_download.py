"""How a file is downloaded, and what is refused."""

import base64
import dataclasses
import hashlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.certificates import Authority
from support.downloads import (
    CONTENT,
    CUT,
    assert_complete,
    described,
    ignore,
    left_behind,
    published,
    refused,
)
from support.file_server import FileServer
from support.gateways import ConnectProxy
from taskworker_classifyimage.download.download import Download, download


def test_a_download_tells_how_far_it_is(server: FileServer, target: Path) -> None:
    """A line at the start, one for about every tenth, one at the end; then all is in place."""
    lines: list[str] = []
    download(published(server), target, lines.append)
    assert_complete(target)
    assert lines[0] == "model.onnx: downloading 0.0 of 1.0 MB (0%)"
    assert lines[-1] == "model.onnx: complete and verified"
    assert 5 <= len(lines) <= 13
    assert any("of 1.0 MB (" in line for line in lines[1:-1])


def test_what_is_there_is_not_downloaded_again(server: FileServer, target: Path) -> None:
    """The second start of a worker sends no request."""
    download(published(server), target, ignore)
    download(published(server), target, ignore)
    assert len(server.seen) == 1


def test_a_cut_download_goes_on_where_it_stopped(server: FileServer, target: Path) -> None:
    """Cut at 40 %: the rest is asked for, of this version, and nothing is sent twice."""
    server.faults.cut_at_bytes = [CUT]
    download(published(server), target, ignore)
    assert_complete(target)
    assert server.ranges == [None, f"bytes={CUT}-"]
    assert server.seen[1].headers["If-Range"] == f'"{server.md5}"'
    assert server.sent_bytes == len(CONTENT)


def test_a_server_without_ranges_is_asked_for_all_again(server: FileServer, target: Path) -> None:
    """It answers the request for the rest with the whole file."""
    server.faults.cut_at_bytes = [CUT]
    server.faults.ignores_range = True
    download(published(server), target, ignore)
    assert_complete(target)
    assert server.sent_bytes == CUT + len(CONTENT)


def test_a_server_that_cannot_name_versions_is_asked_for_all_again(
    server: FileServer, target: Path
) -> None:
    """A weak ETag says only that the file means the same, which is not enough for a rest."""
    server.faults.cut_at_bytes = [CUT]
    server.faults.headers = {"ETag": 'W/"1"'}
    download(published(server), target, ignore)
    assert_complete(target)
    assert server.ranges == [None, None]


@pytest.mark.parametrize("md5_is_known", [True, False])
def test_a_file_that_changes_on_the_server_is_never_mixed(
    server: FileServer, target: Path, md5_is_known: bool
) -> None:
    """Between cut and continuation the publisher replaces the file by one of the same length."""
    new = CONTENT[::-1]
    server.faults.cut_at_bytes = [CUT]
    what = described(server.url, hashlib.md5(new).hexdigest() if md5_is_known else None, None)

    def replace(text: str) -> None:
        if "resuming" in text:
            server.content = new

    download(what, target, replace)
    assert_complete(target, new)


def test_a_wrong_rest_is_not_appended(server: FileServer, target: Path) -> None:
    """A server that answers 206 with another place than was asked is asked for all."""
    server.faults.cut_at_bytes = [CUT]

    def spoil(text: str) -> None:
        if "resuming" in text:
            server.faults.headers = {"Content-Range": f"bytes 7-{len(CONTENT) - 1}/{len(CONTENT)}"}

    download(described(server.url), target, spoil)
    assert_complete(target)
    assert server.ranges == [None, f"bytes={CUT}-", None]


def test_a_wrong_checksum_is_tried_once_more_and_refused(server: FileServer, target: Path) -> None:
    """A damaged mirror: two downloads at most, one line, and nothing is left of them."""
    server.content = CONTENT[:-1] + b"?"
    message = refused(published(server), target)
    assert f"its MD5 is {server.md5}, not {hashlib.md5(CONTENT).hexdigest()}" in message
    assert server.url in message
    assert len(server.seen) == 2
    assert left_behind(target) == []


def test_a_download_that_was_damaged_once_succeeds(server: FileServer, target: Path) -> None:
    """Damage on the way is transient: the second download is right."""
    server.content = CONTENT[:-1] + b"?"

    def fix(text: str) -> None:
        if "once more" in text:
            server.content = CONTENT

    download(published(server), target, fix)
    assert_complete(target)


@pytest.mark.parametrize("form", ["crc32c=AAAAAA==,md5={}", "md5={}"])
def test_the_servers_own_md5_is_used_where_the_publisher_gives_none(
    server: FileServer, target: Path, form: str
) -> None:
    """Google's storage has a header of its own for it."""
    right = base64.b64encode(hashlib.md5(CONTENT).digest()).decode()
    server.faults.headers = {"x-goog-hash": form.format(right)}
    download(described(server.url), target, ignore)
    assert_complete(target)
    server.content = CONTENT[::-1]
    assert "MD5" in refused(described(server.url), target.with_name("b"))


def test_a_file_that_nothing_could_verify_is_refused(server: FileServer, target: Path) -> None:
    """Without checksum and length, half a file looks like a whole one."""
    server.faults.hides_length = True
    assert "neither length nor checksum" in refused(described(server.url), target)
    download(published(server), target, ignore)
    assert_complete(target)


def test_another_length_than_published_is_refused_before_it_comes(
    server: FileServer, target: Path
) -> None:
    """A hotel's login page answers 200 to everything."""
    message = refused(described(server.url, None, 22_000_000), target)
    assert "1000000 bytes are offered instead of 22000000" in message
    assert left_behind(target) == []


def test_a_body_without_end_is_stopped(server: FileServer, target: Path) -> None:
    """A server that hides the length gets no more of the disk than the published size."""
    server.faults.hides_length = True
    server.faults.hold_at_bytes = 600_000
    assert "instead of 300000" in refused(described(server.url, None, 300_000), target)
    assert len(server.seen) == 1
    assert left_behind(target) == []


@pytest.mark.parametrize(
    ("status", "words"),
    [(404, "no longer there"), (403, "answers 403"), (407, "https_proxy"), (304, "304")],
)
def test_a_refusal_is_one_line_at_once(
    server: FileServer, target: Path, status: int, words: str
) -> None:
    """What, from where, why; asking again would not help, so it is asked once."""
    server.faults.status = status
    message = refused(published(server), target)
    assert message.startswith(f"model.onnx cannot be downloaded from {server.url}: ")
    assert words in message
    assert len(server.seen) == 1


def test_a_server_that_is_busy_is_asked_again(server: FileServer, target: Path) -> None:
    """After a 503 the request is repeated a few times."""
    server.faults.status = 503

    def calm_down(text: str) -> None:
        if "answers 503; resuming" in text:
            server.faults.status = 0

    download(published(server), target, calm_down)
    assert_complete(target)


def test_a_server_that_falls_silent_is_asked_for_the_rest(server: FileServer, target: Path) -> None:
    """The connection is open and nothing arrives: the time limit is one of silence."""
    server.faults.hold_at_bytes = CUT

    def let_go(text: str) -> None:
        if "nothing arrived in time; resuming" in text:
            server.faults.hold_at_bytes = None

    what = dataclasses.replace(published(server), silence_s=0.5, pauses_s=(0.01,) * 20)
    download(what, target, let_go)
    assert_complete(target)
    assert server.ranges[0] is None
    assert None not in server.ranges[1:]


def test_a_server_that_keeps_failing_is_given_up(server: FileServer, target: Path) -> None:
    """Retries that bring something new do not count, those that bring nothing do."""
    server.faults.cut_at_bytes = [300_000, 300_000, 0, 0, 0]
    assert "cut the connection" in refused(published(server), target)
    assert target.with_name("model.onnx.part").stat().st_size == 600_000
    assert len(server.seen) == 4


def test_no_server_is_one_line_at_once(target: Path) -> None:
    """Without internet no host name resolves and no port answers; the line says what to do."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}/m", "http://nowhere.invalid/m"):
        message = refused(described(url), target)
        assert "cannot be reached" in message
        assert f"put it at {target}" in message


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/m", "nonsense", "http:"])
def test_only_web_addresses_are_downloaded(target: Path, url: str) -> None:
    """No other scheme is supported."""
    assert "cannot be downloaded" in refused(described(url), target)


def test_a_redirect_is_followed_to_the_web_only(server: FileServer, target: Path) -> None:
    """Publishers redirect to their storage; a redirect never opens a file of this machine."""
    server.faults.location = "/moved"
    download(published(server), target, ignore)
    assert_complete(target)
    for index, location in enumerate(("file:///etc/hostname", "ftp://127.0.0.1/m", "/again")):
        server.faults.location = location
        message = refused(published(server), target.with_name(f"other{index}"))
        assert "redirected" in message


@pytest.fixture
def tls_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FileServer]:
    """An https server whose CA this process trusts."""
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", os.fspath(authority.file))
    with FileServer(CONTENT, authority.server()) as running:
        yield running


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Download]:
    """A file of an https server that only a proxy can reach."""
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", os.fspath(authority.file))
    with FileServer(CONTENT, authority.server("publisher.example")) as running:
        yield published(running, "publisher.example")


def test_https_never_falls_back_to_http(
    tls_server: FileServer, server: FileServer, target: Path
) -> None:
    """A redirect that drops TLS is not followed."""
    tls_server.faults.location = server.url
    assert "redirected to http" in refused(published(tls_server), target)
    assert server.seen == []
    tls_server.faults.location = ""
    download(published(tls_server), target, ignore)
    assert_complete(target)


def test_an_untrusted_certificate_is_one_line(
    tls_server: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line says how to trust the CA of a proxy that inspects TLS."""
    monkeypatch.delenv("SSL_CERT_FILE")
    assert "SSL_CERT_FILE" in refused(published(tls_server), target)


def test_the_proxy_of_the_environment_is_used(
    server: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The publisher's name is not resolved here: the proxy gets the whole address."""
    monkeypatch.setenv("http_proxy", server.url)
    url = "http://publisher.invalid/model.onnx"
    download(described(url, server.md5, len(CONTENT)), target, ignore)
    assert_complete(target)
    assert server.seen[0].path == url


def test_https_goes_through_a_tunnel_of_the_proxy(
    remote: Download, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the password of the proxy's address; the message says so if the proxy wants another."""
    with ConnectProxy() as proxy:
        monkeypatch.setenv("https_proxy", proxy.url.replace("//", "//user:secret@"))
        proxy.status = 407
        message = refused(remote, target)
        assert "the proxy wants a password; put user:password@ into https_proxy" in message
        assert "secret" not in message
        proxy.status = 200
        download(remote, target, ignore)
    assert_complete(target)
    password = base64.b64encode(b"user:secret").decode()
    assert all(f"Proxy-Authorization: Basic {password}" in head for head in proxy.heads)
