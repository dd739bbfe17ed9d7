import os
import signal
import sys

import pytest

from support import poison
from support.processes import descendants, is_alive
from support.waiting import wait_until
from taskworker_classifyimage.decode import DecodeLimits
from taskworker_classifyimage.sandbox.forking import ForkedDecoder, ForkLauncher
from taskworker_classifyimage.sandbox.limits import ProcessLimits
from taskworker_classifyimage.sandbox.messages import Job, read_decoded, read_ready, send_job

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="nothing is forked elsewhere")


def pid_of(decoder: ForkedDecoder) -> int:
    """As it says itself."""
    read_ready(decoder.channel)
    send_job(decoder.channel, Job(b"tell_pid", poison.SPEC, DecodeLimits()))
    return int(read_decoded(decoder.channel, poison.SPEC).facts.warnings[0])


def test_a_late_reply_is_not_taken_for_that_to_the_next_request() -> None:
    """Whoever kills the decoder that it got must not kill another one."""
    others = descendants()
    launcher = ForkLauncher(poison.DECODE, ProcessLimits(60, 2**28), reply_s=10)
    try:
        first = launcher.launch()
        pid_of(first)
        first.bury()
        family = descendants() - others
        (template,) = family - {child for pid in family for child in descendants(pid)}
        os.kill(template, signal.SIGSTOP)
        with pytest.raises(TimeoutError):
            launcher.launch()
        os.kill(template, signal.SIGCONT)
        decoder = launcher.launch()
        pid = pid_of(decoder)
        assert is_alive(pid)
        decoder.kill()
        assert decoder.bury() == -signal.SIGKILL
        wait_until(lambda: not is_alive(pid))
    finally:
        launcher.close()
    assert descendants() == others
