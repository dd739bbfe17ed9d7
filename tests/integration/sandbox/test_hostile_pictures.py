"""What a picture can do that has taken its decoder over: nothing but end its own task."""

import json
import os
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import pytest

from support import poison
from support.kernel import has_seccomp, landlock_abi
from support.pools import LAUNCHERS, outcome, poison_pool
from support.processes import descendants
from support.waiting import wait_until
from taskworker_classifyimage.decode import PictureFacts
from taskworker_classifyimage.sandbox.forking import ForkLauncher
from taskworker_classifyimage.sandbox.pool import DecoderPool
from taskworker_classifyimage.sandbox.spawning import SpawnLauncher

FINE = b"fine"


def facts(**changes: object) -> str:
    """Facts as a decoder sends them, some of them changed."""
    return json.dumps({**asdict(PictureFacts("PNG", 1, 2, 1, "test")), **changes})


#: What a picture does, and the code that its task ends with.
ANYWHERE = {
    "crash": "killed",
    "abort": "killed",
    "leave 3": "killed",
    "leave 0": "killed",
    "babble": "killed",
    "boast": "killed",
    "nest": "killed",
    'lie {"format": "JPEG"}': "killed",
    "lie [1, 2]": "killed",
    f"lie {facts(width=-1, height=-1)}": "killed",
    f"lie {facts(width=2**40)}": "killed",
    f"lie {facts(orientation=0)}": "killed",
    f"lie {facts(format='SVG')}": "killed",
    f"lie {facts(warnings=['w'] * 11)}": "killed",
    "refuse a reason": "damaged",
}
TOO_SLOW = ("hang", "burn", "dribble")
#: What only the kernel can prevent.
LOCKED = {
    "fork": "killed",
    "execute /bin/true": "killed",
    "connect 127.0.0.1:{port}": "killed",
    "send 127.0.0.1:{port}": "killed",
    "kill {pid}": "killed",
    "trace {pid}": "killed",
    "read {folder}/secret": "damaged",
    "read /proc/self/environ": "damaged",
    "write {folder}/trace": "damaged",
    "eat 10000": "too_large",
    "eat 100000000": "too_large",
    "eat 1000000000000": "too_large",
    # Pages that are only read take no memory, but their page tables do: 1 GiB for 512 GiB.
    "look_at 10000": "too_large",
    # Shared memory does not count for the limit, so it is refused.
    "share 1000": "damaged",
}

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="nothing is locked down elsewhere")


@pytest.fixture(params=LAUNCHERS)
def launcher(request: pytest.FixtureRequest) -> type[ForkLauncher | SpawnLauncher]:
    kind: type[ForkLauncher | SpawnLauncher] = request.param
    return kind


def kernel_has() -> list[str]:
    """The restrictions that must be in force on this kernel."""
    found = {"memory limit": True, "seccomp": has_seccomp(), "Landlock": landlock_abi() > 0}
    return [name for name, is_there in found.items() if is_there]


def run_deeds(pool: DecoderPool, deeds: list[str]) -> dict[str, tuple[str, ...]]:
    """How each deed ends, with fine pictures before, between and after it, all at once."""
    pictures = [FINE]
    for deed in deeds:
        pictures += [deed.encode(), FINE]
    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(lambda picture: outcome(pool, picture), pictures))
    assert outcomes[::2] == [()] * (len(deeds) + 1), "a neighbour was harmed"
    return dict(zip(deeds, outcomes[1::2], strict=True))


def test_only_the_picture_that_kills_a_decoder_ends(
    launcher: type[ForkLauncher | SpawnLauncher],
) -> None:
    """Crashes, exits and invalid answers: `killed`; a refusal keeps its own code and message."""
    with poison_pool(launcher) as pool:
        outcomes = run_deeds(pool, list(ANYWHERE))
        assert {deed: result[0] for deed, result in outcomes.items()} == ANYWHERE
        assert outcomes["refuse a reason"][1] == "a reason"
        if sys.platform != "win32":
            assert "SIGSEGV" in outcomes["crash"][1]
            assert "SIGABRT" in outcomes["abort"][1]
        assert "exit code 3" in outcomes["leave 3"][1]


def test_a_decoder_that_takes_too_long_is_ended(
    launcher: type[ForkLauncher | SpawnLauncher],
) -> None:
    """Asleep, busy on several threads, or sending its answer byte by byte: `too_slow`.

    Fine pictures come afterwards: beside these, on a busy machine, they could miss the limit too.
    """
    with poison_pool(launcher, time_s=2) as pool:
        pool.start()
        with ThreadPoolExecutor(len(TOO_SLOW)) as threads:
            outcomes = list(threads.map(lambda deed: outcome(pool, deed.encode()), TOO_SLOW))
        assert [result[0] for result in outcomes] == ["too_slow"] * len(TOO_SLOW)
        assert outcome(pool, FINE) == outcome(pool, FINE) == ()


@on_linux
def test_a_decoder_reaches_nothing(
    launcher: type[ForkLauncher | SpawnLauncher], tmp_path: Path
) -> None:
    """No files, programs, processes, network or memory above the limit; threads are allowed."""
    (tmp_path / "secret").write_text("a secret", encoding="utf-8")
    with poison_pool(launcher) as pool, socket.create_server(("127.0.0.1", 0)) as server:
        in_force = " ".join(pool.start())
        assert all(name in in_force for name in kernel_has())
        if len(kernel_has()) < 3:
            pytest.skip("this kernel lacks Landlock or seccomp")
        facts = {"folder": tmp_path, "port": server.getsockname()[1], "pid": os.getpid()}
        wanted = {deed.format(**facts): code for deed, code in LOCKED.items()}
        outcomes = run_deeds(pool, list(wanted))
        assert {deed: result[0] for deed, result in outcomes.items()} == wanted
        assert "SIGSYS" in outcomes["fork"][1]
        assert outcome(pool, b"use_threads") == (poison.DONE,) * 4
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


@on_linux
@pytest.mark.parametrize("deed", [b"leave_threads", b"answer_twice"])
def test_a_decoder_that_does_more_than_asked_gets_no_other_picture(
    launcher: type[ForkLauncher | SpawnLauncher], deed: bytes
) -> None:
    """With threads left behind, or an answer sent beforehand; what it said is not used again."""
    with poison_pool(launcher, processes=1) as pool:
        taken_over = pool.decode(deed, poison.SPEC)
        assert not taken_over.maker.is_replaced
        (pid,) = outcome(pool, b"tell_pid")
        assert (pid,) != taken_over.facts.warnings
        assert taken_over.maker.is_replaced


@on_linux
def test_a_decoder_that_computes_while_idle_is_killed(
    launcher: type[ForkLauncher | SpawnLauncher],
) -> None:
    """Also if no other picture comes; the next one gets a new decoder at the first attempt."""
    with poison_pool(launcher, processes=1) as pool:
        taken_over = pool.decode(b"leave_threads", poison.SPEC)
        wait_until(lambda: taken_over.maker.is_replaced)
        assert outcome(pool, FINE) == ()


@on_linux
def test_a_bomb_of_threads_ends_only_its_own_task() -> None:
    """It is ended long before its time is up."""
    with poison_pool(time_s=3600) as pool:
        assert run_deeds(pool, ["bomb"])["bomb"][0] == "killed"


@on_linux
def test_a_crowd_of_poisonous_pictures_leaves_nothing_behind() -> None:
    """Every decoder is replaced, no zombie or file descriptor stays, fine pictures are decoded."""
    others = descendants()
    with poison_pool() as pool:
        pool.start()
        before, processes = len(list(Path("/proc/self/fd").iterdir())), descendants()
        with ThreadPoolExecutor(4) as threads:
            pictures = [b"crash", b"fork", FINE] * 20
            outcomes = list(threads.map(lambda picture: outcome(pool, picture), pictures))
        assert [result[0] if result else "" for result in outcomes] == ["killed", "killed", ""] * 20
        assert outcome(pool, FINE) == outcome(pool, FINE) == ()
        assert len(descendants() - others) == len(processes - others) == 3
        assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert descendants() == others


def test_a_decoder_has_no_secrets_in_its_environment(
    launcher: type[ForkLauncher | SpawnLauncher], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever their names: texts from a decoder reach clients."""
    monkeypatch.setenv("taskbridgeurl", "http://user:password@host/")
    monkeypatch.setenv("DB_PASSWORD", "secret")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    with poison_pool(launcher) as pool:
        assert outcome(pool, b"tell_environment taskbridgeurl") == ("",)
        assert outcome(pool, b"tell_environment DB_PASSWORD") == ("",)
        assert outcome(pool, b"tell_environment LC_ALL") == ("C.UTF-8",)
