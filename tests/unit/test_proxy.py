import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskworker_classifyimage.proxy import describe_route, proxy_for

PROXY = "http://me:pr0xy-pw@proxy.example:3128"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("http_proxy", PROXY)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1.2.3", "[::1]", "localhost", "LOCALHOST", "bridge.localhost"]
)
def test_this_machine_has_no_proxy(host: str) -> None:
    assert proxy_for(f"http://{host}:42000/") is None


@pytest.mark.parametrize(
    ("no_proxy", "url", "is_covered"),
    [
        ("lab", "http://lab:42000", True),
        ("lab", "http://bridge.lab", True),
        ("lab", "http://slab", False),
        (".lab", "http://bridge.lab", True),
        ("*.lab", "http://Bridge.Lab", True),
        ("*.lab", "http://lab.example", False),
        ("other, lab", "http://lab", True),
        ("other lab", "http://lab", True),
        ("lab:42000", "http://lab:42000", True),
        ("lab:42000", "http://lab:42001", False),
        ("lab:80", "http://lab", True),
        ("10.0.0.0/8", "http://10.1.2.3:42000", True),
        ("10.0.0.0/8", "http://11.1.2.3", False),
        ("10.0.0.5", "http://10.0.0.5", True),
        ("10.0.0.0/8", "http://lab", False),
        ("fd00::/8", "http://[fd00::5]:42000", True),
        ("[fd00::5]:42000", "http://[fd00::5]:42000", True),
        ("[fd00::5]:42000", "http://[fd00::5]:1", False),
        ("*", "http://lab", True),
        ("", "http://lab", False),
        (",", "http://lab", False),
    ],
)
def test_no_proxy_is_read_as_curl_and_go_read_it(
    no_proxy: str, url: str, is_covered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names, domains, addresses, networks, each with a port or without."""
    monkeypatch.setenv("no_proxy", no_proxy)
    assert (proxy_for(url) is None) == is_covered


def test_a_message_names_the_proxy_and_not_its_password() -> None:
    """'Connection refused' may be the proxy's, and the bridge may be up."""
    told = describe_route("http://lab:42000")
    assert told == "http://lab:42000 (through the proxy proxy.example:3128)"
    assert describe_route("http://127.0.0.1:42000") == "http://127.0.0.1:42000"


@given(no_proxy=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_text_in_no_proxy_is_read(no_proxy: str) -> None:
    """Whatever an administrator has written there, calls go on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("no_proxy", no_proxy)
        proxy_for("http://lab:42000")
