"""Broken files of all formats through a whole worker.

CLASSIFYIMAGE_MUTANTS=20000 CLASSIFYIMAGE_SEED=7 makes it more, and others.
"""

import os
import sys
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from support.mutations import mutants
from support.packs import colour_network, write_pack
from support.photos import ESPRESSO
from support.processes import descendants, memory_bytes
from support.programs import Program, RunningBridge
from taskworker_classifyimage.errors import ErrorCode
from taskworker_classifyimage.machine import usable_cores

COUNT = int(os.environ.get("CLASSIFYIMAGE_MUTANTS", "100"))
SEED = int(os.environ.get("CLASSIFYIMAGE_SEED", "1"))
#: Tasks between two looks at the worker.
BATCH = 50

#: What a file may be to blame for, other than being fine.
CODES = {
    ErrorCode.EMPTY_FILE,
    ErrorCode.UNSUPPORTED_FORMAT,
    ErrorCode.DAMAGED,
    ErrorCode.TOO_LARGE,
    ErrorCode.TOO_SLOW,
    ErrorCode.KILLED,
}


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.timeout(600 + COUNT)
def test_broken_files_end_their_own_tasks_and_nothing_else(
    running_bridge: RunningBridge, tmp_path: Path
) -> None:
    """A result or a code for each; the worker lives, grows no larger and leaves no file behind."""
    api = running_bridge.api
    pack = write_pack(tmp_path / "pack", colour_network())
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    command = ["work", "--taskbridgeurl", running_bridge.url, "--worker", "w", "--model", str(pack)]
    # A device that is named is not measured, which takes a process more.
    command += ["--device", "cpu"]
    environ = {"HOME": str(home), "TMPDIR": str(temporary), "XDG_STATE_HOME": str(home / "state")}
    codes, memory = Counter[str](), []
    with Program(*command, environ=environ) as program:
        files = mutants(COUNT, SEED)
        for _ in range(0, COUNT, BATCH):
            ids = {api.add({}, file): name for name, file in islice(files, BATCH)}
            results = {task_id: api.wait_for_result(task_id) for task_id in ids}
            for task_id, name in ids.items():
                result = results[task_id]
                codes[result.get("code", "fine")] += 1
                assert result["predictions"] or result["code"] in CODES, (name, result)
            memory.append(memory_bytes(program.process.pid))
            assert "error" not in api.wait_for_result(api.add({}, ESPRESSO))
        assert "Traceback" not in program.printed
        assert len(descendants(program.process.pid)) == 1 + usable_cores()
        assert program.stop() == 0
    print(f"\n{dict(codes)}; MB: {[each // 10**6 for each in memory]}")
    assert codes["fine"] > 0
    assert codes[ErrorCode.DAMAGED] > 0
    # Each decoder gives way to a new one before it has grown by much.
    assert memory[-1] < memory[0] + 50e6
    assert [path for path in (*home.rglob("*"), *temporary.rglob("*")) if path.is_file()] == []
