"""Fetches a published file: complete and verified under its name, or not there at all.

lock -> request -> append to the part -> (cut? request the rest) -> verify -> place
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from taskworker_classifyimage.download.part_file import PartFile, Version
from taskworker_classifyimage.download.transfer import continues, read_chunk, request, version_of
from taskworker_classifyimage.errors import ModelError, TransferInterrupted, TransferRefused
from taskworker_classifyimage.model_file import digest, is_verified, on_disk

#: For a file of unknown length, so that a server cannot send without end; no network is so large.
_LIMIT_BYTES: Final = 8 * 2**30

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Download:
    """A published file, and how long to wait for its server.

    Attributes:
        url: http or https.
        md5: as its publisher gives it, hexadecimal; None: the server's own is used, if any.
        size_bytes: None if it is not known.
        sha256: as its publisher gives it, hexadecimal; it is used in place of the MD5.
        pauses_s: before each retry; they begin again with every retry that brings new bytes.
        silence_s: longest wait for a connection, and longest silence after that.
    """

    url: str
    md5: str | None
    size_bytes: int | None
    sha256: str | None = None
    pauses_s: tuple[float, ...] = (1.0, 2.0, 5.0, 10.0, 20.0)
    silence_s: float = 30.0


def download(what: Download, target: Path, tell: Tell) -> None:
    """Makes sure that `target` is there, complete and verified, with `NAME.sha256` beside it.

    A download that was cut off is resumed. Of several processes one downloads, the others wait.
    A file that somebody put there is used if its checksum is the published one.

    Args:
        what: where it is, and what is known of it.
        target: where the file goes; its folder is made.
        tell: is called with a line about the progress now and then.

    Raises:
        ModelError: the download failed; nothing lies at `target`.
        ConfigError: the environment names a proxy that is not an address.
    """
    if is_verified(target):
        return
    # All OSErrors from here on are the disk's: `transfer` translates those of the network.
    with on_disk(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with _lock(target, tell):
            if is_verified(target):
                return
            try:
                _fetch(what, target, _Progress(target.name, tell))
            except (TransferInterrupted, TransferRefused) as err:
                raise ModelError(
                    f"{target.name} cannot be downloaded from {what.url}: {err}; or get the file "
                    f"elsewhere and put it at {target}"
                ) from None


def _lock(target: Path, tell: Tell) -> AbstractContextManager[object]:
    """Waits until no other process downloads; the system frees the lock of one that was killed."""
    lock = FileLock(target.with_name(f"{target.name}.lock"))
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        tell(f"{target.name}: another process downloads it; waiting")
        return lock.acquire()


def _fetch(what: Download, target: Path, progress: "_Progress") -> None:
    """Downloads, verifies and places a file; a wrong one is downloaded once more."""
    part = PartFile(target)
    if target.exists():
        part.adopt()
    if not (what.sha256 or what.md5 or part.version.md5):
        # Nothing could prove that the parts from two processes belong together.
        part.discard()
    for is_last in (False, True):
        _fetch_rest(what, part, progress)
        problem = _find_mismatch(what, part)
        if problem is None:
            part.place()
            progress.tell("complete and verified")
            return
        part.discard()
        if is_last:
            raise TransferRefused(f"{problem}; try again later or from another network")
        progress.tell(f"{problem}; downloading it once more")


def _find_mismatch(what: Download, part: PartFile) -> str | None:
    """What is wrong with a complete file, None if its checksum is right or there is none."""
    wanted = what.sha256 or what.md5 or part.version.md5
    if wanted is None:
        return None
    algorithm, name = ("md5", "MD5") if len(wanted) == 32 else ("sha256", "SHA-256")
    found = digest(part.path, algorithm)
    if found == wanted:
        return None
    return f"it is not the published file: its {name} is {found}, not {wanted}"


def _fetch_rest(what: Download, part: PartFile, progress: "_Progress") -> None:
    """Requests what is missing until the file is complete or retries bring nothing new."""
    most_bytes, pauses, was_reached = part.size_bytes, iter(what.pauses_s), False
    while part.size_bytes == 0 or part.size_bytes != part.version.size_bytes:
        try:
            asyncio.run(_transfer(what, part, progress))
        except TransferInterrupted as err:
            was_reached = was_reached or err.was_reached
            if part.size_bytes > most_bytes:
                most_bytes, pauses = part.size_bytes, iter(what.pauses_s)
            pause_s = next(pauses, None)
            if pause_s is None or not was_reached:
                raise
            progress.tell(f"{err}; resuming in {pause_s:.0f} s")
            time.sleep(pause_s)
        else:
            return


async def _transfer(what: Download, part: PartFile, progress: "_Progress") -> None:
    """Sends one request and appends its answer to the part."""
    have_bytes, version = part.size_bytes, part.version
    async with request(what.url, have_bytes, version, what.silence_s) as answer:
        if answer.status == 200:
            have_bytes, version = 0, version_of(answer)
        elif not continues(answer, have_bytes, version):
            part.discard()
            raise TransferInterrupted("the server gives another part than the missing one")
        limit_bytes = _limit_bytes(what, version)
        if have_bytes == 0:
            part.start_over(version)
        part.check_space((version.size_bytes or have_bytes) - have_bytes)
        progress.start(have_bytes, version.size_bytes)
        while have_bytes <= limit_bytes and (chunk := await read_chunk(answer)):
            part.append(chunk)
            have_bytes += len(chunk)
            progress.update(have_bytes)
    if have_bytes > limit_bytes or have_bytes != (what.size_bytes or have_bytes):
        part.discard()
        raise TransferRefused(f"{have_bytes} bytes or more arrived instead of {limit_bytes}")


def _limit_bytes(what: Download, version: Version) -> int:
    """How many bytes may arrive; refuses a wrong file and one that could not be verified."""
    expected_bytes = what.size_bytes or version.size_bytes
    if version.size_bytes not in (None, expected_bytes):
        raise TransferRefused(
            f"{version.size_bytes} bytes are offered instead of {expected_bytes}: this network "
            "shows its login page, or the publisher changed the file"
        )
    if not (expected_bytes or what.sha256 or what.md5 or version.md5):
        raise TransferRefused("it has neither length nor checksum and could not be verified")
    return expected_bytes or _LIMIT_BYTES


class _Progress:
    """Calls `tell` with a line at the start, and then at every tenth or every ten seconds."""

    def __init__(self, name: str, tell: Tell) -> None:
        self._name = name
        self._tell = tell
        self._total_bytes = 0
        self._next_bytes = 0
        self._next_s = 0.0

    def tell(self, text: str) -> None:
        """Tells anything about this download."""
        self._tell(f"{self._name}: {text}")

    def start(self, have_bytes: int, total_bytes: int | None) -> None:
        """The download begins, or resumes from `have_bytes`."""
        self._total_bytes = total_bytes or 0
        self._show("resuming at " if have_bytes else "downloading ", have_bytes)

    def update(self, have_bytes: int) -> None:
        """More has arrived; `have_bytes` counts all there is now."""
        if have_bytes >= self._next_bytes or time.monotonic() >= self._next_s:
            self._show("", have_bytes)

    def _show(self, verb: str, have_bytes: int) -> None:
        total = self._total_bytes
        self._next_bytes = have_bytes + (total // 10 or _LIMIT_BYTES)
        self._next_s = time.monotonic() + 10
        share = f" of {total / 1e6:.1f} MB ({have_bytes / total:.0%})" if total else " MB"
        self.tell(f"{verb}{have_bytes / 1e6:.1f}{share}")
