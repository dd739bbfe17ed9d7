"""A caller that has closed standard input, output or error, as some service managers do."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.api import Api
from support.photos import ESPRESSO
from support.programs import COMMAND, Program, clean_environment, free_port

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")

CLOSED = ["0<&-", ">&-", "2>&-", ">&- 2>&-", "0<&- >&- 2>&-"]


def closing(streams: str, *arguments: str) -> list[str]:
    """The command line of a program that starts with these streams closed."""
    return ["sh", "-c", f'exec "$@" {streams}', "sh", *COMMAND, *arguments]


def run_with_closed(streams: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        closing(streams, *arguments),
        env=clean_environment(),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.mark.parametrize("streams", CLOSED)
def test_pictures_are_classified_all_the_same(tmp_path: Path, streams: str) -> None:
    picture = tmp_path / "a.jpg"
    picture.write_bytes(ESPRESSO)
    ended = run_with_closed(streams, "classify", "--top", "1", str(picture))
    assert ended.returncode == 0, ended.stderr
    if " >&-" not in f" {streams}":
        assert json.loads(ended.stdout)["predictions"][0]["name"] == "espresso"


@pytest.mark.parametrize("streams", CLOSED)
def test_a_mistake_keeps_its_exit_code(streams: str) -> None:
    ended = run_with_closed(streams, "bridge", "--bridge-port", "no")
    assert ended.returncode == 2
    assert ("bridge-port" in ended.stderr) == ("2>&-" not in streams)
    assert ended.stdout == ""


@pytest.mark.parametrize("streams", ["2>&-", ">&- 2>&-"])
def test_a_worker_with_its_bridge_starts(tmp_path: Path, streams: str) -> None:
    port = free_port()
    flags = ("work", "--bridge-port", str(port), "--bridge-data", str(tmp_path))
    with Program(command=closing(streams, *flags)) as program:
        api = Api(f"http://127.0.0.1:{port}/")
        api.wait_until_up()
        result = api.wait_for_result(api.add({"numberofpredictions": 1}, ESPRESSO))
        assert result["predictions"][0]["name"] == "espresso"
        assert program.stop() == 0
