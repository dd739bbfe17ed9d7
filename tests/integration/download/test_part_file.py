"""What is on disk during a download and after a crash: the whole file, or none."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from support.downloads import (
    CONTENT,
    CUT,
    assert_complete,
    described,
    ignore,
    published,
    refused,
)
from support.file_server import FileServer
from support.waiting import wait_until
from taskworker_classifyimage.download.download import download
from taskworker_classifyimage.model_file import is_verified

#: A program that downloads and prints its progress.
PROGRAM = """
import sys
from pathlib import Path
from taskworker_classifyimage.download.download import Download, download
from taskworker_classifyimage.errors import ModelError
url, md5, target = sys.argv[1:4]
try:
    download(Download(url, md5 or None, None), Path(target), lambda text: print(text, flush=True))
except ModelError as err:
    print(f"ModelError: {err}", flush=True)
    sys.exit(3)
"""


if sys.platform == "win32":
    PROCESSES = multiprocessing.get_context("spawn")
else:
    # Copies of a process that has the program in memory already: 20 imports take half a minute.
    PROCESSES = multiprocessing.get_context("forkserver")
    PROCESSES.set_forkserver_preload(["pytest", download.__module__])


def start(url: str, md5: str, target: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, url, md5, os.fspath(target)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8")


def test_a_file_put_there_by_hand_is_taken_if_it_is_the_published_one(
    server: FileServer, target: Path
) -> None:
    """A copied file is verified and given its checksum; a wrong one is replaced."""
    target.parent.mkdir()
    target.write_bytes(CONTENT)
    download(published(server), target, ignore)
    assert_complete(target)
    assert server.seen == []
    target.write_bytes(CONTENT[:-1] + b"?")
    download(published(server), target, ignore)
    assert_complete(target)
    assert len(server.seen) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_a_disk_that_refuses_midway_is_one_line(server: FileServer, target: Path) -> None:
    """A real write fails at half of the file (EFBIG); once there is room it is resumed there."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))\n"
    command = [sys.executable, "-c", limit + PROGRAM, server.url, server.md5, os.fspath(target)]
    ended = subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8", check=False)
    assert ended.returncode == 3
    assert "there is no space left; make room" in ended.stdout.splitlines()[-1]
    assert not target.exists()
    download(published(server), target, ignore)
    assert_complete(target)
    assert server.ranges == [None, "bytes=500000-"]


def on_small_disk(folder: Path, url: str, md5: str) -> subprocess.CompletedProcess[str]:
    """Downloads onto a disk of 512 KiB, which only that process sees."""
    folder.mkdir()
    script = 'mount -t tmpfs -o size=512k none "$0" || exit 77; exec "$@"'
    command = [sys.executable, "-c", PROGRAM, url, md5, os.fspath(folder / "model.onnx")]
    ended = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, folder, *command],
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=False,
    )
    if ended.returncode in (1, 77):
        pytest.skip("this system does not let its users mount")
    return ended


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a disk as Linux does")
@pytest.mark.parametrize("hides_length", [False, True])
def test_a_full_disk_is_one_line(server: FileServer, tmp_path: Path, hides_length: bool) -> None:
    """A file that cannot fit is not begun; one of unknown length fails when the disk is full."""
    server.faults.hides_length = hides_length
    ended = on_small_disk(tmp_path / "small", server.url, server.md5)
    assert ended.returncode == 3
    last = ended.stdout.splitlines()[-1]
    assert ("there is no space left" if hides_length else "needs 1 MB more, 1 MB are free") in last


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_folder_that_cannot_be_written_is_one_line(server: FileServer, tmp_path: Path) -> None:
    """A file in the place of the folder: the system refuses that even to root."""
    (tmp_path / "models").write_text("a file")
    message = refused(published(server), tmp_path / "models" / "model.onnx")
    assert f"{tmp_path / 'models'} cannot be written" in message
    assert server.seen == []


def test_of_two_processes_one_downloads(server: FileServer, target: Path) -> None:
    """The other says that it waits, and uses the same file; every byte is sent once."""
    server.faults.hold_at_bytes = CUT
    first = start(server.url, server.md5, target)
    wait_until(lambda: server.sent_bytes >= CUT)
    second = start(server.url, server.md5, target)
    assert second.stdout is not None
    assert "another process downloads it; waiting" in second.stdout.readline()
    server.faults.let_go.set()
    for process in (first, second):
        process.communicate()
        assert process.returncode == 0
    assert_complete(target)
    assert server.sent_bytes == len(CONTENT)


def test_a_killed_download_blocks_nobody_and_is_continued(server: FileServer, target: Path) -> None:
    """SIGKILL at 40 %: no model under its name, no lock held, and only the rest is requested."""
    server.faults.hold_at_bytes = CUT
    killed = start(server.url, server.md5, target)
    part = target.with_name("model.onnx.part")
    wait_until(lambda: part.exists() and part.stat().st_size >= CUT)
    killed.kill()
    killed.communicate()
    assert not target.exists()
    server.faults.hold_at_bytes = None
    server.faults.let_go.set()
    have_bytes = part.stat().st_size
    download(published(server), target, ignore)
    assert_complete(target)
    assert server.ranges == [None, f"bytes={have_bytes}-"]


def test_kills_at_random_never_leave_a_broken_model(tmp_path: Path) -> None:
    """Killed 20 times at any instant: the file under the name is whole, or not there."""
    rng = random.Random(20)
    target = tmp_path / "model.onnx"
    with FileServer(CONTENT * 5) as server:
        what = described(server.url, server.md5)
        for _ in range(20):
            lines, sender = PROCESSES.Pipe(duplex=False)
            process = PROCESSES.Process(target=download, args=(what, target, sender.send))
            process.start()
            sender.close()
            lines.recv()
            timer = threading.Timer(rng.uniform(0, 0.03), process.kill)
            timer.start()
            process.join()
            timer.join()
            process.close()
            lines.close()
            if target.exists():
                assert is_verified(target)
                assert target.read_bytes() == server.content
                for path in tmp_path.iterdir():
                    path.unlink()
        download(what, target, ignore)
        assert_complete(target, server.content)


def test_parts_from_two_processes_are_not_joined_without_a_checksum(
    server: FileServer, target: Path
) -> None:
    """A power cut may damage a part; if no checksum proves the whole, all is downloaded again."""
    server.faults.hold_at_bytes = CUT
    killed = start(server.url, "", target)
    wait_until(lambda: server.sent_bytes >= CUT)
    killed.send_signal(signal.SIGTERM)
    killed.communicate()
    server.faults.hold_at_bytes = None
    server.faults.let_go.set()
    download(described(server.url), target, ignore)
    assert_complete(target)
    assert server.ranges == [None, None]
