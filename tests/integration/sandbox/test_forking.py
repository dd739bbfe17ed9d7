import os
import signal
import sys
from pathlib import Path

import pytest

from support import poison
from support.processes import descendants, is_alive
from support.waiting import wait_until
from taskworker_classifyimage.decode import DecodeLimits
from taskworker_classifyimage.sandbox.forking import ForkLauncher
from taskworker_classifyimage.sandbox.lockdown import ProcessLimits
from taskworker_classifyimage.sandbox.messages import Job, read_decoded, read_ready, send_job
from taskworker_classifyimage.sandbox.process import DecoderProcess

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="decoders are forked on Linux only")


def ask_pid(decoder: DecoderProcess) -> int:
    """The process ID as the decoder itself knows it."""
    read_ready(decoder.channel)
    job = Job(b"tell_pid", poison.SPEC, DecodeLimits())
    send_job(decoder.channel, job)
    return int(read_decoded(decoder.channel, job).facts.warnings[0])


def count_open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_an_ended_decoder_leaves_neither_descriptors_nor_memory() -> None:
    """A worker replaces decoders for months."""
    launcher = ForkLauncher(poison.DECODE, ProcessLimits(60, 2**28))
    try:
        decoder = launcher.launch()
        assert "memfd:picture" in Path("/proc/self/maps").read_text(encoding="utf-8")
        ask_pid(decoder)
        decoder.reap()
        open_files = count_open_files()
        assert "memfd:picture" not in Path("/proc/self/maps").read_text(encoding="utf-8")
        again = launcher.launch()
        ask_pid(again)
        again.reap()
        assert count_open_files() == open_files
    finally:
        launcher.close()


def test_a_late_reply_is_not_taken_for_the_reply_to_the_next_request() -> None:
    """Otherwise killing one decoder would kill another one."""
    others = descendants()
    launcher = ForkLauncher(poison.DECODE, ProcessLimits(60, 2**28))
    try:
        first = launcher.launch()
        ask_pid(first)
        first.reap()
        family = descendants() - others
        (template,) = family - {child for pid in family for child in descendants(pid)}
        os.kill(template, signal.SIGSTOP)
        patient_s, launcher.reply_s = launcher.reply_s, 0.2
        with pytest.raises(TimeoutError):
            launcher.launch()
        launcher.reply_s = patient_s
        decoder = launcher.launch()
        assert not is_alive(template)
        pid = ask_pid(decoder)
        assert is_alive(pid)
        decoder.kill()
        assert decoder.reap() == -signal.SIGKILL
        wait_until(lambda: not is_alive(pid))
    finally:
        launcher.close()
    assert descendants() == others
