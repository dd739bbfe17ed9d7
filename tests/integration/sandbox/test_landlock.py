import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from support.kernel import landlock_abi

pytestmark = pytest.mark.skipif(landlock_abi() < 1, reason="this kernel has no Landlock")


def test_landlock_alone_denies_files_and_network(tmp_path: Path) -> None:
    """Files and TCP are out of reach even where seccomp is missing."""
    secret = tmp_path / "secret"
    secret.write_text("a secret", encoding="utf-8")
    program = textwrap.dedent(f"""
        import os, socket
        from taskworker_classifyimage.sandbox import landlock, linux

        server = socket.create_server(("127.0.0.1", 0))
        client = socket.socket()
        linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
        print(landlock.deny_files_and_network())
        for attempt in (
            lambda: open({str(secret)!r}),
            lambda: open({str(tmp_path / "trace")!r}, "w"),
            lambda: os.listdir("/"),
            lambda: os.execv("/bin/true", ["/bin/true"]),
            lambda: client.connect(server.getsockname()),
        ):
            try:
                attempt()
            except PermissionError:
                print("refused")
            else:
                print("got away with it")
    """)
    command = [sys.executable, "-c", program]
    lines = subprocess.run(
        command, capture_output=True, encoding="utf-8", check=True
    ).stdout.splitlines()
    assert int(lines[0]) == landlock_abi()
    tcp = ["refused"] if landlock_abi() >= 4 else ["got away with it"]
    assert lines[1:] == ["refused"] * 4 + tcp
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]
