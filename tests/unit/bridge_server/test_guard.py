"""Access control: the token, the name that the bridge is called by, and the calling page."""

import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.http_client import Answer
from support.in_process import FORM_LINE, FORM_TYPE, BridgeOnFolder, form, serving
from taskworker_classifyimage.bridge_server.access import Access

TOKEN = "a:secret_with-signs~"
LAB = "https://lab.example"


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BridgeOnFolder]:
    """A bridge that requires a token."""
    with serving(tmp_path_factory.mktemp("locked"), access=Access(TOKEN)) as served:
        yield served


@pytest.fixture(scope="module")
def for_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BridgeOnFolder]:
    """A bridge that pages of LAB may call."""
    with serving(tmp_path_factory.mktemp("lab"), access=Access(origins=(LAB,))) as served:
        yield served


def basic(password: str) -> str:
    return "Basic " + b64encode(f"anybody:{password}".encode()).decode()


def call(bridge: BridgeOnFolder, path: str = "/api/tasks/list/", **headers: str) -> Answer:
    return bridge.call("GET", path, None, {key.replace("_", "-"): v for key, v in headers.items()})


# The token


@pytest.mark.parametrize("sent", [f"Bearer {TOKEN}", f"bearer  {TOKEN}", basic(TOKEN)])
@pytest.mark.parametrize("path", ["/", "/style.css", "/api/tasks/list/"])
def test_the_token_opens_everything(locked: BridgeOnFolder, sent: str, path: str) -> None:
    assert call(locked, path, Authorization=sent).status == 200


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        TOKEN,
        f"Token {TOKEN}",
        basic(""),
        basic("a"),
        "Basic !!!",
        "Basic " + b64encode(TOKEN.encode()).decode(),
        "Bearer \udcff".encode("utf-8", "surrogateescape").decode("latin-1"),
    ],
)
@pytest.mark.parametrize("path", ["/api/tasks/list/", "/api/nosuch", "/nosuch"])
def test_no_call_is_answered_without_the_token(
    locked: BridgeOnFolder, sent: str, path: str
) -> None:
    answer = call(locked, path, Authorization=sent)
    # Who knows the token may have mistyped it before: the next test need not wait.
    assert call(locked, Authorization=f"Bearer {TOKEN}").status == 200
    assert answer.status == 401
    scheme = "Bearer" if sent.startswith("Bearer") else "Basic"
    assert answer.headers["WWW-Authenticate"].startswith(f"{scheme} ")
    assert answer.json() == {"error": "this bridge requires a token"}


@pytest.mark.parametrize("path", ["/", "/style.css", "/doc/api", "/openapi.json", "/page/icon.svg"])
def test_the_page_itself_needs_no_token_for_it_has_to_ask_for_one(
    locked: BridgeOnFolder, path: str
) -> None:
    assert call(locked, path).status == 200
    assert locked.call("POST", path, b"").status == 401


def test_who_guesses_waits_whatever_else_he_reads(tmp_path: Path) -> None:
    """The answers to the last three of eight wait for at least 0.25, 0.5 and 1 s."""
    with serving(tmp_path, access=Access(TOKEN)) as bridge:
        begun_s = time.monotonic()
        for number in range(8):
            assert call(bridge, Authorization=f"Bearer guess-{number}").status == 401
            assert call(bridge, "/").status == 200
            assert call(bridge, "/", Authorization="Bearer guess").status == 200
        assert time.monotonic() - begun_s >= 1.75


@pytest.mark.parametrize("path", ["/page/%2e%2e/api/tasks/list/", "/page/..%2Fapi/tasks/list/"])
def test_no_call_hides_below_the_page(locked: BridgeOnFolder, path: str) -> None:
    assert call(locked, path).status in (401, 404)


def test_a_body_without_the_token_is_hardly_read(locked: BridgeOnFolder) -> None:
    """The client is told at once, and the connection is closed although it goes on sending."""
    with locked.connect() as connection:
        head = locked.head("tasks/add/", FORM_LINE, "Content-Length: 1000000000")
        connection.sendall(head)
        answer = connection.recv(1000)
        assert answer.startswith(b"HTTP/1.1 401")
        assert b"Connection: close" in answer
        # Less than this is kept in the buffers of both systems.
        with pytest.raises(ConnectionError):
            connection.sendall(bytes(50_000_000))


def test_an_upload_without_the_token_is_refused_and_leaves_nothing(locked: BridgeOnFolder) -> None:
    answer = locked.call("POST", "/api/tasks/add/", form(b'{"type": "t"}', b"x" * 100), FORM_TYPE)
    assert answer.status == 401
    assert locked.files() == []


# The name


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1:42000", "127.8.8.8", "[::1]"]
)
def test_a_bridge_for_this_machine_answers_to_its_names(bridge: BridgeOnFolder, host: str) -> None:
    assert call(bridge, Host=host).status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "x", "localhost.x:1", ""]
)
@pytest.mark.parametrize("path", ["/", "/api/tasks/list/"])
def test_a_name_that_was_rebound_to_this_machine_is_refused(
    bridge: BridgeOnFolder, host: str, path: str
) -> None:
    """DNS rebinding: a page of that name would have the same origin as the bridge."""
    answer = call(bridge, path, Host=host)
    assert answer.status == 421
    assert "localhost" in answer.json()["error"]


def test_with_a_token_or_for_other_machines_any_name_will_do(
    locked: BridgeOnFolder, tmp_path: Path
) -> None:
    assert call(locked, Host="bridge.lab", Authorization=f"Bearer {TOKEN}").status == 200
    with serving(tmp_path / "open", access=Access(is_local=False)) as bridge:
        assert call(bridge, Host="bridge.lab").status == 200


# The page


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
    ],
)
def test_pages_of_other_servers_may_not_call(
    bridge: BridgeOnFolder, headers: dict[str, str]
) -> None:
    task_id = bridge.add()
    bridge.take()
    assert call(bridge, f"/api/tasks/restart/{task_id}/", **headers).status == 403
    assert bridge.status(task_id) == "inprogress"
    answer = call(bridge, "/", **headers)
    assert answer.status == 200
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    ("origin", "shown"),
    [
        ("https://lab.example", "https://lab.example"),
        ("http://10.1.1.1:8080", "http://10.1.1.1:8080"),
        ("null", ""),
        ("http://a\"onload='b", ""),
        ("http://" + "a" * 300, ""),
    ],
)
def test_the_page_can_show_why_it_is_refused_and_how_to_allow_it(
    bridge: BridgeOnFolder, origin: str, shown: str
) -> None:
    answer = call(bridge, Origin=origin)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.json()["error"] == (
        f"pages of {shown or 'other servers'} may not call this bridge; to let them, start it with"
        f" --bridge-origins {shown or 'URL'}"
    )


def test_a_form_of_another_server_adds_no_task(bridge: BridgeOnFolder) -> None:
    """A browser sends such a form without a preflight."""
    headers = {**FORM_TYPE, "Origin": "http://evil.example"}
    body = form(b'{"type": "t"}', b"x")
    assert bridge.call("POST", "/api/tasks/add/", body, headers).status == 403
    assert bridge.listed() == []
    assert bridge.files() == []


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_the_bridges_own_pages_and_typed_addresses_may_call(
    bridge: BridgeOnFolder, site: str
) -> None:
    assert call(bridge, Sec_Fetch_Site=site).status == 200
    assert call(bridge, Origin=bridge.url).status == 200


def test_a_page_that_was_named_may_call_and_read(for_lab: BridgeOnFolder) -> None:
    for path in ("/api/tasks/list/", "/api/nosuch"):
        answer = call(for_lab, path, Origin=LAB, Sec_Fetch_Site="cross-site")
        assert answer.headers["Access-Control-Allow-Origin"] == LAB
        assert answer.headers["Vary"] == "Origin"
    asked = {"Origin": LAB, "Access-Control-Request-Method": "DELETE"}
    answer = for_lab.call("OPTIONS", "/api/tasks/take/", None, asked)
    assert answer.status == 204
    assert "DELETE" in answer.headers["Access-Control-Allow-Methods"]
    assert "authorization" in answer.headers["Access-Control-Allow-Headers"].lower()


def test_a_page_that_was_not_named_may_not(for_lab: BridgeOnFolder) -> None:
    other = {"Origin": "https://other.example"}
    assert call(for_lab, **other).status == 403
    assert for_lab.call("OPTIONS", "/api/tasks/take/", None, other).status == 403
    assert "Access-Control-Allow-Origin" not in call(for_lab).headers


def test_every_page_may_call_where_that_was_said(tmp_path: Path) -> None:
    with serving(tmp_path, access=Access(origins=("*",))) as bridge:
        answer = call(bridge, Origin="http://any.example", Sec_Fetch_Site="cross-site")
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, "*")


def test_a_page_that_was_named_needs_the_token_all_the_same(tmp_path: Path) -> None:
    with serving(tmp_path, access=Access(TOKEN, origins=(LAB,))) as bridge:
        assert bridge.call("OPTIONS", "/api/tasks/take/", None, {"Origin": LAB}).status == 204
        answer = call(bridge, Origin=LAB)
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (401, LAB)
        assert call(bridge, Origin=LAB, Authorization=f"Bearer {TOKEN}").status == 200
