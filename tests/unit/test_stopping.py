import signal
import sys

import pytest

from support.programs import Program
from taskworker_classifyimage import stopping
from taskworker_classifyimage.worker import worker

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other signals")

#: What `docker stop` waits between SIGTERM and SIGKILL.
DOCKER_S = 10

#: A thread that nobody can interrupt, as one in a foreign library that hangs.
STUCK = """
import asyncio, threading, time
from taskworker_classifyimage.stopping import stop_on_signals
async def main():
    with stop_on_signals() as stop:
        threading.Thread(target=time.sleep, args=(600,)).start()
        print("ready", flush=True)
        await stop.wait()
        print("stopped", flush=True)
asyncio.run(main())
"""


def test_a_thread_that_hangs_does_not_keep_the_process() -> None:
    """Docker would kill it, and its exit code would say nothing."""
    with Program(command=(sys.executable, "-c", STUCK)) as program:
        program.wait_for("ready")
        assert program.stop(signal.SIGTERM, timeout_s=60) == 1
        assert "stopped" in program.printed
        assert "did not stop in time" in program.printed


def test_an_orderly_stop_ends_before_a_forced_one() -> None:
    """Tasks are finished or handed back before this process ends itself, or Docker ends it."""
    longest_s = worker._DRAIN_S + worker._HAND_BACK_S
    assert longest_s < stopping._LONGEST_STOP_S < DOCKER_S
