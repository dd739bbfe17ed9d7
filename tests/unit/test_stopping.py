import signal
import sys

import pytest

from support.programs import Program

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other signals")

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
