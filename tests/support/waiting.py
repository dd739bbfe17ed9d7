"""Waiting for what happens in another thread or process."""

import time
from collections.abc import Callable
from typing import Final

#: Ends what never happens, also on a machine with much else to do; no test measures time with it.
LONG_S: Final = 300.0


def wait_until(condition: Callable[[], object], timeout_s: float = LONG_S) -> None:
    deadline_s = time.monotonic() + timeout_s
    pause_s = 0.005
    while not condition():
        assert time.monotonic() < deadline_s, "it never happened"
        time.sleep(pause_s)
        # Whoever waits for long asks less often: asking costs time as well.
        pause_s = min(1.2 * pause_s, 0.1)
