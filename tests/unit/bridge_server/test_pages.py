"""The pages: they link to each other, and load nothing from other servers."""

import re
from pathlib import Path

import pytest

from support.contract import NOBODY
from support.in_process import BridgeOnFolder, serving
from taskworker_classifyimage.bridge_server.access import Access


@pytest.mark.parametrize("path", ["/", "/doc/api", "/doc/api/"])
def test_a_page_needs_nothing_from_elsewhere_and_allows_nothing(
    bridge: BridgeOnFolder, path: str
) -> None:
    answer = bridge.call("GET", path)
    text = answer.body.decode()
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    outside = ("<script>", "<style", 'href="http', 'src="http', 'src="//', " style=", " on", "{{")
    assert not [tag for tag in outside if tag in re.sub(r">[^<]*", ">", text)]
    assert re.search(r'<link rel="stylesheet" href="/?style.css">', text)
    assert f"{bridge.url}/api/tasks/add/" in text


def test_the_pages_have_one_style(bridge: BridgeOnFolder) -> None:
    answer = bridge.call("GET", "/style.css")
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
    assert b"light-dark(" in answer.body
    assert b"url(" not in answer.body


@pytest.mark.parametrize("path", ["/", "/openapi.json", "/api/tasks/list/", "/api/nosuch"])
def test_no_answer_is_guessed_at_framed_or_kept_by_a_browser(
    bridge: BridgeOnFolder, path: str
) -> None:
    headers = bridge.call("GET", path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_the_pages_lead_to_each_other_and_show_every_call(bridge: BridgeOnFolder) -> None:
    assert b'href="doc/api"' in bridge.call("GET", "/").body
    text = bridge.call("GET", "/doc/api").body.decode()
    assert 'href="/"' in text
    for name in (
        "add",
        "take",
        "file",
        "progress",
        "complete",
        "restart",
        "status",
        "result",
        "renew",
    ):
        assert f"<code>/api/tasks/{name}/" in text
    for name in ("details", "list", "remove", "statistics", "workerstatistics"):
        assert f"<code>/api/tasks/{name}/" in text
    assert "<code>/api/workers/list/" in text
    assert "<code>/api/version" in text


@pytest.mark.parametrize("host", ["<script>", "a&b", "x'y", "$(reboot)", "a;b", "[::1"])
def test_a_host_that_is_none_is_not_shown(tmp_path: Path, host: str) -> None:
    with serving(tmp_path, access=Access(is_local=False)) as bridge:
        answer = bridge.call("GET", "/", None, {"Host": host})
    assert host.encode() not in answer.body.split(b"<header>")[-1]
    assert answer.status in (200, 400)


# A person's browser, and a program

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
JAVA = {"Accept": "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"}


@pytest.mark.parametrize("path", ["/nosuch", "/api/nosuch", f"/api/tasks/result/{NOBODY}/"])
def test_a_404_is_a_page_for_people_and_json_for_programs(
    bridge: BridgeOnFolder, path: str
) -> None:
    page = bridge.call("GET", path, None, BROWSER)
    assert (page.status, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert b'href="/"' in page.body
    for headers in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}, JAVA):
        answer = bridge.call("GET", path, None, headers)
        assert answer.status == 404
        assert set(answer.json()) == {"error"}


@pytest.mark.parametrize(
    ("path", "view"), [("/api/tasks/list/", "/#tasks"), ("/api/workers/list", "/#workers")]
)
def test_a_list_leads_a_browser_to_the_page(bridge: BridgeOnFolder, path: str, view: str) -> None:
    answer = bridge.call("GET", path, None, BROWSER)
    assert (answer.status, answer.headers["Location"]) == (303, view)
    behind_proxy = BROWSER | {"X-Forwarded-Prefix": "/bridge"}
    assert bridge.call("GET", path, None, behind_proxy).headers["Location"] == f"/bridge{view}"
    assert isinstance(bridge.call("GET", path, None, JAVA).json(), list)


def test_the_page_has_the_names_of_the_classes_in_every_language(bridge: BridgeOnFolder) -> None:
    languages = bridge.call("GET", "/page/languages.json").json()
    assert {"de", "en"} <= set(languages)
    for language in languages:
        names = bridge.call("GET", f"/page/names/{language}.json").json()
        assert len(names["classes"]) == 1000
        assert len(names["categories"]) == 91
    german = bridge.call("GET", "/page/names/de.json").json()
    assert german["classes"]["n02123394"] == "Perserkatze"
    assert german["categories"]["dog"] == "Hund"
    assert bridge.call("GET", "/page/names/xx.json").status == 404
