from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskworker_classifyimage.bridge_client.credentials import Credentials
from taskworker_classifyimage.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("Aladdin:open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ("Aladdin:open sesame\r\n", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ("test:123£", "Basic dGVzdDoxMjPCow=="),
        ("Bearer mF_9.B5f-4.1JqM\n", "Bearer mF_9.B5f-4.1JqM"),
    ],
)
def test_both_kinds_are_read(text: str, header: str) -> None:
    """The examples of RFC 7617 and RFC 6750."""
    assert Credentials.parse(text, "test").header == header


@pytest.mark.parametrize(
    "text",
    ["", "s3cr3t", "Bearer s3cr3t: x", "Bearer ", "Bearer", "user:s3cr3t\nx", "u:s3cr3t\x1b", "\n"],
)
def test_what_is_neither_is_refused_without_being_repeated(text: str) -> None:
    """The message says where it stands and how it should look."""
    with pytest.raises(ConfigError, match=r"auth-file x must be one line") as caught:
        Credentials.parse(text, "auth-file x")
    assert "s3cr3t" not in str(caught.value)


@given(st.text())
def test_no_text_gets_out_of_its_header(text: str) -> None:
    """Whatever is in the file: a header of one line, or a refusal."""
    try:
        credentials = Credentials.parse(text, "test")
    except ConfigError:
        return
    assert credentials.header.isascii()
    assert credentials.header.isprintable()
    assert repr(credentials) == "Credentials()"


def test_a_file_of_windows_is_read(tmp_path: Path) -> None:
    """Its editors put a byte order mark before the text."""
    path = tmp_path / "auth"
    path.write_bytes("\ufeffuser:pass\r\n".encode())
    assert Credentials.read(path) == Credentials.basic("user", "pass")


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"nothing"])
def test_a_wrong_file_is_told_by_name(tmp_path: Path, content: bytes | None) -> None:
    """Missing, no text, or with something else in it."""
    path = tmp_path / "auth"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"auth-file .*auth") as caught:
        Credentials.read(path)
    assert "nothing" not in str(caught.value)
