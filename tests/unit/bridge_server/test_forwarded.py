"""Callers behind reverse proxies, and pages whose origin is written in another way."""

from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.in_process import BridgeOnFolder, serving
from taskworker_classifyimage.bridge_server.access import Access
from taskworker_classifyimage.bridge_server.origins import is_of_host, parse_origin

TOKEN = "a:secret_with-signs~"
#: What they send by default for a client at 10.1.1.1 that calls https://lab.example.
CADDY = {
    "Host": "lab.example",
    "X-Forwarded-For": "10.1.1.1",
    "X-Forwarded-Host": "lab.example",
    "X-Forwarded-Proto": "https",
    "Via": "1.1 Caddy",
}
TRAEFIK = {
    "Host": "lab.example",
    "X-Forwarded-For": "10.1.1.1",
    "X-Forwarded-Host": "lab.example",
    "X-Forwarded-Port": "443",
    "X-Forwarded-Prefix": "/bridge",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Server": "0123456789ab",
    "X-Real-Ip": "10.1.1.1",
}


@pytest.mark.parametrize(("headers", "root"), [(CADDY, ""), (TRAEFIK, "/bridge")])
@pytest.mark.parametrize(
    "access", [Access(origins=("https://lab.example",)), Access(is_local=False)]
)
def test_pages_and_calls_behind_other_proxies(
    tmp_path: Path, access: Access, headers: dict[str, str], root: str
) -> None:
    with serving(tmp_path, access=access) as bridge:
        page = bridge.call("GET", "/doc/api", None, headers).body.decode()
        assert f"https://lab.example{root}/api/tasks/add/" in page
        assert f'href="{root}/style.css"' in page
        described = bridge.call("GET", "/openapi.json", None, headers).json()
        assert described["servers"] == [{"url": f"{root}/"}]
        own_page = {**headers, "Origin": "https://lab.example"}
        assert bridge.call("GET", "/api/tasks/list/", None, own_page).status == 200


def test_a_rebound_name_is_refused_whatever_it_forwards(bridge: BridgeOnFolder) -> None:
    for name in ("localhost", "127.0.0.1", bridge.netloc):
        headers = {"Host": "evil.example", "X-Forwarded-Host": name}
        assert bridge.call("GET", "/api/tasks/list/", None, headers).status == 421


@pytest.mark.parametrize(
    ("sent", "address"),
    [
        ("10.1.1.1", "10.1.1.1"),
        ("8.8.8.8, 10.1.1.1", "10.1.1.1"),
        ("10.1.1.1, 172.18.0.2", "10.1.1.1"),
        ("10.1.1.1, 172.18.0.2, 127.0.0.1", "10.1.1.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("nonsense\u00e9", "127.0.0.1"),
        ("", "127.0.0.1"),
    ],
)
def test_the_log_has_the_address_of_the_client(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, sent: str, address: str
) -> None:
    access = Access(TOKEN, proxies=(ip_network("172.18.0.0/16"),))
    with serving(tmp_path, access=access) as bridge:
        headers = {"X-Forwarded-For": sent.encode().decode("latin-1")}
        assert bridge.call("GET", "/api/tasks/list/", None, headers).status == 401
    assert f"from={address} status=401" in caplog.text


@pytest.mark.parametrize("prefix", ["/a//b", "bridge", '/"><script>', "//evil.example", "/a b"])
def test_a_strange_prefix_is_ignored(bridge: BridgeOnFolder, prefix: str) -> None:
    page = bridge.call("GET", "/doc/api", None, {"X-Forwarded-Prefix": prefix}).body.decode()
    assert 'href="/style.css"' in page


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://lab:80", "lab"),
        ("http://lab", "lab:80"),
        ("HTTP://Lab", "lab"),
        ("https://lab", "lab:443"),
        ("https://lab", "lab"),
        ("http://[::1]:80", "[::1]"),
    ],
)
def test_an_origin_is_compared_with_its_default_port(
    tmp_path: Path, origin: str, host: str
) -> None:
    with serving(tmp_path, access=Access(is_local=False)) as bridge:
        headers = {"Origin": origin, "Host": host}
        assert bridge.call("GET", "/api/tasks/list/", None, headers).status == 200


def test_a_named_origin_is_compared_in_the_same_way(tmp_path: Path) -> None:
    with serving(tmp_path, access=Access(origins=("http://lab:80",))) as bridge:
        answer = bridge.call("GET", "/api/tasks/list/", None, {"Origin": "http://lab"})
        assert answer.headers["Access-Control-Allow-Origin"] == "http://lab"


@pytest.mark.parametrize(
    "origin", ["http://[", "http://lab:x", "http://lab:99999", "null", "http://", "http://a@lab"]
)
def test_a_malformed_origin_is_refused(bridge: BridgeOnFolder, origin: str) -> None:
    assert bridge.call("GET", "/api/tasks/list/", None, {"Origin": origin}).status == 403


@pytest.mark.parametrize("host", ["[", "a:b:c", "[::1", "@localhost", "localhost/x"])
def test_a_malformed_host_is_refused(tmp_path: Path, host: str) -> None:
    with serving(tmp_path, access=Access(origins=("http://localhost",))) as bridge:
        headers = {"Host": host, "Origin": "http://lab"}
        assert bridge.call("GET", "/api/tasks/list/", None, headers).status == 421


@given(st.text(), st.text())
def test_no_text_breaks_the_comparison(origin: str, host: str) -> None:
    for text in (origin, f"http://{origin}"):
        parsed = parse_origin(text)
        assert parsed is None or not is_of_host(parsed, f"{host}@")
