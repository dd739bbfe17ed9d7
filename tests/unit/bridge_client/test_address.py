import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskworker_classifyimage.bridge_client.address import BridgeAddress
from taskworker_classifyimage.bridge_client.credentials import Credentials
from taskworker_classifyimage.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://127.0.0.1:42000/", "http://127.0.0.1:42000"),
        ("http://127.0.0.1:42000", "http://127.0.0.1:42000"),
        ("https://lab.example/bridge/", "https://lab.example/bridge"),
        ("http://[::1]:42000/", "http://[::1]:42000"),
    ],
)
def test_the_last_slash_does_not_matter(text: str, url: str) -> None:
    """The original's README writes the slash, people forget it."""
    assert BridgeAddress.parse(text) == BridgeAddress(url)


def test_credentials_are_kept_apart_and_never_shown() -> None:
    """Neither the URL nor the representation gives the password away."""
    address = BridgeAddress.parse("https://us%40er:p%3Aass@lab.example:8443/x/")
    assert address.credentials == Credentials.basic("us@er", "p:ass")
    assert address.url == "https://lab.example:8443/x"
    assert "ass" not in repr(address)
    assert base64.b64encode(b"us@er:p:ass").decode() not in repr(address)


@pytest.mark.parametrize(
    "text",
    ["", "localhost:42000", "ftp://a/", "http://", "http://a:b/", "http://a/?x=1", "http://["],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """A wrong address ends the start with one line."""
    with pytest.raises(ConfigError, match="taskbridgeurl"):
        BridgeAddress.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://user:se/cret@lab.example/",
        "https://user:cret#x@lab.example/",
        "https://user:cret?x@lab.example/",
        "https://user:[cret@lab.example/",
        "https://user:cret℀@lab.example/",
        "user:cret@lab.example",
        "https://user%3Ax:cret@lab.example/",
    ],
)
def test_a_refusal_repeats_no_password(text: str) -> None:
    """A password with a stray "/" ends up where a port should be, and must not be told as one."""
    with pytest.raises(ConfigError) as caught:
        BridgeAddress.parse(text)
    assert "cret" not in str(caught.value)
    assert "se" not in str(caught.value).split()


@pytest.mark.parametrize(
    "text", ["http://lab:99999/", "https://lab:65536", "http://[::1]:70000/api"]
)
def test_a_port_that_does_not_exist_is_told_as_one(text: str) -> None:
    """Not as a password that is not quoted."""
    with pytest.raises(ConfigError, match=r"the port \d+; the highest is 65535"):
        BridgeAddress.parse(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("http://lab:abc/", "a port that is not a number from 1 to 65535"),
        ("http://lab:-1/", "a port that is not a number from 1 to 65535"),
        ("http://lab:0/", "a port that is not a number from 1 to 65535"),
        ("http://user:secret@lab:99999/", "the port 99999; the highest is 65535"),
        ("http://user:secret@lab:abc/", "a port that is not a number from 1 to 65535"),
        ("http://[::1/", "brackets"),
        ("http://::1:42000/", "brackets"),
        ("http://::1/", "brackets"),
        ("http://la b/", "a blank in the name of the host"),
        ("http://user:12345/secret@lab/", "in a password, write"),
        ("http://user:12345@secret@lab:abc/", "in a password, write"),
        ("http://user:[secret/@lab/", "in a password, write"),
    ],
)
def test_a_malformed_address_is_told_with_its_reason(text: str, reason: str) -> None:
    """And with nothing that may be a part of a password."""
    with pytest.raises(ConfigError) as caught:
        BridgeAddress.parse(text)
    assert reason in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "12345" not in str(caught.value)


@given(st.text())
def test_any_text_is_an_address_or_refused(text: str) -> None:
    """No text, however odd, raises anything else."""
    try:
        address = BridgeAddress.parse("http://" + text)
    except ConfigError:
        return
    assert address.url.startswith("http://")
