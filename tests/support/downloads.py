"""What the tests of downloads share: a file to be had, and what is there afterwards."""

import hashlib
import random
from pathlib import Path

import pytest

from support.file_server import FileServer
from taskworker_classifyimage.download.download import Download, download
from taskworker_classifyimage.errors import ModelError

CONTENT = random.Random(4).randbytes(1_000_000)
#: 40 %.
CUT = 400_000


def published(server: FileServer) -> Download:
    return Download(server.url, hashlib.md5(CONTENT).hexdigest(), len(CONTENT))


def ignore(_text: str) -> None:
    """Progress that nobody reads."""


def assert_complete(target: Path, content: bytes = CONTENT) -> None:
    """The file, its checksum as sha256sum has it, and nothing of the way there."""
    assert target.read_bytes() == content
    checksum = target.with_name("model.onnx.sha256").read_text()
    assert checksum == f"{hashlib.sha256(content).hexdigest()}  model.onnx\n"
    assert left_behind(target) == ["model.onnx", "model.onnx.sha256"]


def left_behind(target: Path) -> list[str]:
    """Names in the model's folder; its lock, an empty file, aside."""
    return sorted(path.name for path in target.parent.iterdir() if path.suffix != ".lock")


def refused(what: Download, target: Path) -> str:
    """Why a download ends; sees to it that nothing lies there under the model's name."""
    with pytest.raises(ModelError) as caught:
        download(what, target, ignore)
    message = str(caught.value)
    assert "\n" not in message
    assert not target.exists()
    return message
