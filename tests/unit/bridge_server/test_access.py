"""Who may call: other machines only if the settings allow it, and what a valid token is."""

from pathlib import Path

import pytest

from taskworker_classifyimage.bridge_server.access import Access, read_token, settle_access
from taskworker_classifyimage.errors import ConfigError

TOKEN = "0123456789abcdef"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost", "LOCALHOST"])
def test_a_bridge_for_this_machine_needs_nothing(host: str) -> None:
    assert settle_access(host, None, None, ()) == Access(None, (), is_local=True)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "lab.example", "localhost.evil"])
@pytest.mark.parametrize("token", [None, TOKEN])
def test_other_machines_are_let_in_only_if_it_was_said(host: str, token: str | None) -> None:
    with pytest.raises(ConfigError, match="add --allow-remote") as caught:
        settle_access(host, None, token, ())
    assert "\n" not in str(caught.value)
    assert host in str(caught.value)


def test_without_a_token_it_must_be_said_that_everybody_may_call() -> None:
    with pytest.raises(ConfigError, match="--bridge-token-file"):
        settle_access("0.0.0.0", "token", None, ())
    assert settle_access("0.0.0.0", "token", TOKEN, ()) == Access(TOKEN, (), is_local=False)
    assert settle_access("0.0.0.0", "open", None, ()) == Access(None, (), is_local=False)


def test_a_token_is_what_its_file_holds(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n", encoding="utf-8")
    assert read_token(path) == TOKEN


@pytest.mark.parametrize("text", ["", "short", f"two words {TOKEN}", f"{TOKEN}ä", "x" * 1001])
def test_what_cannot_be_a_token_is_refused_and_not_shown(tmp_path: Path, text: str) -> None:
    path = tmp_path / "token"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="token file") as caught:
        read_token(path)
    assert not text or text not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_token_file_that_is_missing_or_no_text_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_token(tmp_path / "nowhere")
    (tmp_path / "token").write_bytes(b"\xff" * 20)
    with pytest.raises(ConfigError, match="not UTF-8 text"):
        read_token(tmp_path / "token")


def test_a_token_is_in_no_log() -> None:
    assert TOKEN not in repr(Access(TOKEN))
