"""A decoder that does what a picture says, like one that a hostile picture has taken over."""

import codecs
import contextlib
import ctypes
import importlib
import json
import mmap
import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from taskworker_classifyimage.decode import Decoded, DecodeLimits, PictureFacts
from taskworker_classifyimage.errors import DamagedPicture
from taskworker_classifyimage.input_spec import InputSpec

SPEC = InputSpec(size=16, crop=None)
DECODE = "support.poison:decode"
FINE = b"fine"

#: The answer of a decoder that succeeded with what it should not be able to do.
DONE = "got away with it"


def decode(encoded: bytes, spec: InputSpec, _limits: DecodeLimits) -> Decoded:
    word, _, argument = encoded.decode().partition(" ")
    try:
        answer = DEEDS[word](argument)
    except OSError as err:
        # A refused system call ends in a damaged picture, like any other problem in decoding.
        raise DamagedPicture(str(err)) from err
    pixels = np.full((spec.size, spec.size, 3), len(encoded) % 256, np.uint8)
    return Decoded(pixels, PictureFacts("PNG", 1, 2, 1, "test", tuple(answer or ())))


def preload_decoders(*, rare: bool) -> None:  # noqa: ARG001 - as of the real ones
    """Loads what looking up names of hosts needs; all else is imported above."""
    codecs.lookup("idna")


def crash(_argument: str) -> None:
    ctypes.string_at(0)


def leave(code: str) -> None:
    os._exit(int(code))


def abort(_argument: str) -> None:
    os.abort()


def hang(_argument: str) -> None:
    # Ignores every signal that can be ignored.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(60)


def burn(_argument: str) -> None:
    for _ in range(3):
        threading.Thread(target=_burn, daemon=True).start()
    _burn()


def leave_threads(_argument: str) -> list[str]:
    """Answers, and goes on computing."""
    for _ in range(3):
        threading.Thread(target=_burn, daemon=True).start()
    return tell_pid("")


def bomb(_argument: str) -> None:
    """Starts threads with small stacks for as long as there are any."""
    threading.stack_size(2**16)
    while True:
        with contextlib.suppress(RuntimeError, MemoryError):
            threading.Thread(target=time.sleep, args=(60,), daemon=True).start()


def answer_twice(_argument: str) -> list[str]:
    """Sends the answer to the next picture as well."""
    pid = tell_pid("")
    facts = PictureFacts("PNG", 1, 2, 1, "test", ("a lie",))
    encoded = json.dumps(asdict(facts)).encode()
    pixels = bytes(16 * 16 * 3)
    mine = json.dumps(asdict(replace(facts, warnings=tuple(pid)))).encode()
    answers = (struct.pack("!BI", 2, len(each)) + each + pixels for each in (mine, encoded))
    _send_to_all(b"".join(answers))
    return pid


def _burn() -> None:
    while True:
        pass


def eat(step_bytes: str) -> None:
    eaten = []
    while True:
        eaten.append(bytearray(int(step_bytes)))


def look_at(gibibytes: str) -> None:
    """Reads pages that nobody writes, which only page tables take memory for."""
    seen = []
    for _ in range(int(gibibytes)):
        try:
            seen.append(mmap.mmap(-1, 2**30, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ))
        except OSError as err:
            raise MemoryError from err
        _ = seen[-1][:: 2**21]


def share(count_bytes: str) -> list[str]:
    """Memory that another process could see."""
    mmap.mmap(-1, int(count_bytes)).close()
    return [DONE]


def read(path: str) -> list[str]:
    return [DONE, Path(path).read_text(encoding="utf-8")]


def write(path: str) -> list[str]:
    Path(path).write_text("evidence", encoding="utf-8")
    return [DONE]


def connect(address: str) -> list[str]:
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port)), timeout=10):
        return [DONE]


def send(address: str) -> list[str]:
    host, _, port = address.partition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.sendto(b"evidence", (host, int(port)))
    return [DONE]


def fork(_argument: str) -> list[str]:
    if os.fork() == 0:
        os._exit(0)
    return [DONE]


def execute(program: str) -> list[str]:
    os.execv(program, [program])


def kill(pid: str) -> list[str]:
    os.kill(int(pid), signal.SIGKILL)
    return [DONE]


def trace(pid: str) -> list[str]:
    attach = 16
    if ctypes.CDLL(None).ptrace(attach, int(pid), 0, 0):
        raise DamagedPicture("not traced")
    return [DONE]


def use_threads(_argument: str) -> list[str]:
    answers: list[str] = []
    threads = [threading.Thread(target=answers.append, args=(DONE,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def import_late(name: str) -> list[str]:
    """Takes a failed import for damage, as a careless decoder would."""
    try:
        importlib.import_module(name)
    except ImportError as err:
        raise DamagedPicture(str(err)) from err
    return [DONE]


def fail(_argument: str) -> None:
    raise ZeroDivisionError("a fault of the program")


def refuse(message: str) -> None:
    raise DamagedPicture(message)


def tell_environment(name: str) -> list[str]:
    return [os.environ.get(name, "")]


def tell_pid(_argument: str) -> list[str]:
    return [str(os.getpid())]


def babble(_argument: str) -> None:
    """Sends noise instead of an answer."""
    _send_to_all(b"\x02" + os.urandom(500))


def lie(content: str) -> None:
    """Sends facts that are wrong."""
    encoded = content.encode()
    _send_to_all(struct.pack("!BI", 2, len(encoded)) + encoded + bytes(16 * 16 * 3))


def boast(_argument: str) -> None:
    """Sends an answer that claims to be 4 GB long."""
    _send_to_all(struct.pack("!BI", 2, 2**32 - 1))


def nest(_argument: str) -> None:
    lie("[" * 50_000)


def dribble(_argument: str) -> None:
    """Sends an answer byte by byte, slowly."""
    for byte in struct.pack("!BI", 2, 1000) + b"[" * 1000:
        _send_to_all(bytes([byte]))
        time.sleep(0.3)


def fine(_argument: str) -> None:
    """Does nothing, like most pictures."""


def _send_to_all(content: bytes) -> None:
    """Writes to every descriptor, as the channel may be any of them."""
    for descriptor in range(1, 32):
        try:
            os.write(descriptor, content)
        except OSError:
            continue


DEEDS: dict[str, Callable[[str], list[str] | None]] = {
    each.__name__: each
    for each in (
        *(
            crash,
            leave,
            abort,
            hang,
            burn,
            eat,
            look_at,
            share,
            read,
            write,
            connect,
            send,
            fork,
            execute,
        ),
        *(
            kill,
            trace,
            use_threads,
            leave_threads,
            bomb,
            answer_twice,
            import_late,
            fail,
            refuse,
            tell_environment,
            tell_pid,
        ),
        *(babble, lie, boast, nest, dribble, fine),
    )
}
