import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import corpus, poison
from support.mutations import mutants
from support.pools import LAUNCHERS, MEMORY_BYTES, outcome, poison_pool, real_pool
from support.processes import descendants, is_alive
from support.waiting import wait_until
from taskworker_classifyimage.decode import Decoded, DecodeLimits, decode, is_rare
from taskworker_classifyimage.errors import DecodersUnusable, TaskError
from taskworker_classifyimage.input_spec import InputSpec
from taskworker_classifyimage.sandbox.forking import ForkLauncher
from taskworker_classifyimage.sandbox.lockdown import ProcessLimits
from taskworker_classifyimage.sandbox.pool import DecoderPool, choose_launcher
from taskworker_classifyimage.sandbox.spawning import SpawnLauncher
from taskworker_classifyimage.shortage import name_shortage

LauncherKind = type[ForkLauncher | SpawnLauncher]

FINE = b"fine"
SPEC = InputSpec(size=64, crop=0.875)

each_launcher = pytest.mark.parametrize("launcher", LAUNCHERS)
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def pictures() -> Iterator[tuple[str, bytes]]:
    """Files that may need a late import: every kind, cut and mutated.

    ``test_every_format`` has them whole.
    """
    for name in corpus.names():
        encoded = corpus.encoded(name)
        yield f"half of {name}", encoded[: len(encoded) // 2]
        yield f"most of {name}", encoded[: len(encoded) - 100]
    yield from mutants(60)
    yield "a text", b"no picture\n" * 50


def run(decode_it: Callable[[], Decoded]) -> tuple[object, bytes]:
    """Facts and pixels, or the error."""
    try:
        decoded = decode_it()
    except TaskError as err:
        return (type(err), str(err)), b""
    return decoded.facts, decoded.pixels.tobytes()


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_decoders_decode_what_this_process_decodes() -> None:
    """A locked-down decoder lacks nothing: the pixels, facts and errors are the same."""
    with real_pool(processes=1) as pool:
        # Rare formats last: for them, a decoder is made that has their libraries.
        for name, encoded in sorted(pictures(), key=lambda each: is_rare(each[1])):
            here = run(lambda: decode(encoded, SPEC, DecodeLimits()))  # noqa: B023 - called at once
            there = run(lambda: pool.decode(encoded, SPEC))  # noqa: B023
            assert there[0] == here[0], name
            assert there[1] == here[1], name


@each_launcher
def test_pictures_larger_than_any_buffer_arrive(launcher: LauncherKind) -> None:
    """Several megabytes in each direction, more than a pipe, or the shared memory, can hold."""
    with poison_pool(launcher) as pool:
        for side, encoded in ((2000, b"fine " + b"x" * 3), (1500, b"fine " + b"x" * 20 * 2**20)):
            decoded = pool.decode(encoded, InputSpec(size=side, crop=None))
            assert decoded.pixels.shape == (side, side, 3)
            assert (decoded.pixels == len(encoded) % 256).all()


@each_launcher
def test_a_decoder_is_replaced_after_500_pictures(launcher: LauncherKind) -> None:
    """Bounds leaks, and how long a picture that took a decoder over keeps it."""
    with poison_pool(launcher, processes=1) as pool:
        pids = {outcome(pool, b"tell_pid") for _ in range(501)}
        assert len(pids) == 2


@each_launcher
def test_closing_ends_decoders_that_hang_and_threads_that_wait(launcher: LauncherKind) -> None:
    """A stop cannot wait for a picture that will never be decoded."""
    with ThreadPoolExecutor(3) as threads:
        with poison_pool(launcher, processes=1) as pool:
            pool.start()
            waiting = [threads.submit(pool.decode, b"hang", poison.SPEC) for _ in range(3)]
            wait_until(lambda: all(future.running() for future in waiting))
        for future in waiting:
            with pytest.raises(DecodersUnusable, match="closed"):
                future.result(60)


@on_linux
@each_launcher
def test_a_decoder_that_dies_idle_costs_no_picture(launcher: LauncherKind) -> None:
    """As when another program runs out of memory: the next picture gets a new decoder."""
    with poison_pool(launcher, processes=1) as pool:
        (pid,) = outcome(pool, b"tell_pid")
        os.kill(int(pid), signal.SIGKILL)
        assert outcome(pool, b"tell_pid") != (pid,)


@on_linux
def test_a_template_that_dies_is_replaced() -> None:
    """Its decoders end with it, but no picture is lost."""
    others = descendants()
    with poison_pool() as pool:
        pool.start()
        family = descendants() - others
        (template,) = family - {child for pid in family for child in descendants(pid)}
        decoders = descendants(template)
        os.kill(template, signal.SIGKILL)
        wait_until(lambda: not any(map(is_alive, decoders)))
        for _ in range(4):
            assert outcome(pool, FINE) == ()
    assert descendants() == others


@on_linux
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_decoders_die_with_their_worker(number: signal.Signals) -> None:
    """Also those that hang and ignore signals, and also when the worker is killed."""
    program = textwrap.dedent("""
        from concurrent.futures import ThreadPoolExecutor
        from support import poison
        from support.pools import poison_pool

        with poison_pool() as pool:
            pool.start()
            with ThreadPoolExecutor(2) as threads:
                for _ in range(2):
                    threads.submit(pool.decode, b"hang", poison.SPEC)
                print("up", flush=True)
    """)
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        worker.stdout.readline()
        family = descendants(worker.pid)
        assert len(family) == 3
        worker.send_signal(number)
    wait_until(lambda: not any(map(is_alive, family)))


def test_decoders_that_do_not_start_are_reported_in_one_line() -> None:
    """With a broken installation, the worker ends before it takes a task."""
    launcher = choose_launcher(ProcessLimits(60, MEMORY_BYTES), "support.no_such_module:decode")
    with DecoderPool(launcher, processes=1) as pool:
        assert pool.fault is None
        with pytest.raises(DecodersUnusable, match="do not start") as caught:
            pool.start()
        assert pool.fault == str(caught.value)


@pytest.mark.skipif(sys.platform != "linux", reason="imports are not refused elsewhere")
@each_launcher
def test_a_module_that_was_not_preloaded_is_a_fault_and_no_damage(launcher: LauncherKind) -> None:
    """A picture must not be called damaged because its decoder can no longer import."""
    with poison_pool(launcher) as pool:
        with pytest.raises(RuntimeError, match="mailbox"):
            pool.decode(b"import_late mailbox", poison.SPEC)
        assert outcome(pool, b"refuse honestly") == ("damaged", "honestly")


def test_a_fault_of_the_program_is_no_error_of_the_picture() -> None:
    """The log names it; the client gets an internal error."""
    with poison_pool() as pool, pytest.raises(RuntimeError, match="ZeroDivisionError"):
        pool.decode(b"fail", poison.SPEC)


@on_linux
def test_a_decoder_that_cannot_start_for_want_of_descriptors_names_them() -> None:
    """That is no fault of the picture; when there are some again, all goes on."""
    import resource  # noqa: PLC0415 - not on Windows

    with poison_pool(processes=1) as pool:
        pool.start()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (4, hard))
        try:
            with pytest.raises(DecodersUnusable) as caught:
                pool.decode(b"crash", poison.SPEC)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        short_of = name_shortage(caught.value)
        assert short_of is not None
        assert "descriptors" in short_of
        assert outcome(pool, FINE) == ()
