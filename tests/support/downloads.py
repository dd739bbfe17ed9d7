"""What the tests of downloads share: a file to download, and what is there afterwards."""

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.file_server import FileServer
from taskworker_classifyimage.download.download import Download, download
from taskworker_classifyimage.errors import ModelError

CONTENT = random.Random(4).randbytes(1_000_000)
#: 40 %.
CUT = 400_000
#: Two retries, at once.
PAUSES_S = (0.01, 0.01)


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer(CONTENT) as running:
        yield running


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "models" / "model.onnx"


def published(server: FileServer, host: str = "127.0.0.1") -> Download:
    """The file, as a publisher describes it who gives length and checksum."""
    url = server.url.replace("127.0.0.1", host)
    return Download(url, hashlib.md5(CONTENT).hexdigest(), len(CONTENT), pauses_s=PAUSES_S)


def described(url: str, md5: str | None = None, size_bytes: int | None = None) -> Download:
    """The file, as a publisher describes it who gives less."""
    return Download(url, md5, size_bytes, pauses_s=PAUSES_S)


def ignore(_text: str) -> None:
    """Progress that nobody reads."""


def assert_complete(target: Path, content: bytes = CONTENT) -> None:
    """The file, its checksum in the format of sha256sum, and nothing left of the download."""
    assert target.read_bytes() == content
    checksum = target.with_name("model.onnx.sha256").read_text()
    assert checksum == f"{hashlib.sha256(content).hexdigest()}  model.onnx\n"
    assert left_behind(target) == ["model.onnx", "model.onnx.sha256"]


def left_behind(target: Path) -> list[str]:
    """Names in the model's folder, except for its lock, an empty file."""
    return sorted(path.name for path in target.parent.iterdir() if path.suffix != ".lock")


def refused(what: Download, target: Path) -> str:
    """The message of a download that fails; checks that no file has the model's name."""
    with pytest.raises(ModelError) as caught:
        download(what, target, ignore)
    message = str(caught.value)
    assert "\n" not in message
    assert not target.exists()
    return message
