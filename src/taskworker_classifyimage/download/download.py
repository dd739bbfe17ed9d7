"""Fetches a model's file: whole and verified under its name, or not there at all.

    download: lock -> ask -> append -> (cut? ask for the rest) -> verify -> place

`transfer` is one request, `part_file` is what lies on disk in the meantime.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple

from filelock import FileLock, Timeout

from taskworker_classifyimage.download.part_file import (
    PartFile,
    digest,
    is_verified,
    on_disk,
    write_checksum,
)
from taskworker_classifyimage.download.progress import Progress, Tell
from taskworker_classifyimage.download.transfer import (
    Interrupted,
    Refused,
    Unreachable,
    Version,
    ask,
)
from taskworker_classifyimage.errors import ModelError

#: Between tries that bring nothing new; after the last one it is given up.
_PAUSES_S: Final = (1.0, 2.0, 5.0, 10.0, 20.0)
#: No published network is near it; it stops a server that never ends.
_LIMIT_BYTES: Final = 8 * 2**30

_NAMES: Final = {"md5": "MD5", "sha256": "SHA-256"}


class Checksum(NamedTuple):
    """A file's checksum, hexadecimal in lower case."""

    algorithm: Literal["sha256", "md5"]
    value: str


@dataclass(frozen=True, slots=True)
class Download:
    """A published file.

    Attributes:
        url: http or https.
        md5: as its publisher gives it, hexadecimal; None: the one that the server tells is used.
        size_bytes: None if it is not known.
        sha256: as its publisher gives it, hexadecimal; goes before the MD5.
    """

    url: str
    md5: str | None
    size_bytes: int | None
    sha256: str | None = None

    @property
    def checksum(self) -> Checksum | None:
        """What the publisher says that the file is, None if that is nothing."""
        if self.sha256 is not None:
            return Checksum("sha256", self.sha256.lower())
        return None if self.md5 is None else Checksum("md5", self.md5.lower())


def download(what: Download, target: Path, tell: Tell) -> None:
    """Sees to it that `target` is there, whole and verified, with `NAME.sha256` beside it.

    What an earlier call began is continued. Of several processes one downloads, the others wait.
    A file that somebody put there is taken if its checksum is the published one.

    Args:
        what: where it is, and what is known of it.
        target: gets the file; its folder is made.
        tell: is given a line about the progress now and then.

    Raises:
        ModelError: it could not be had; nothing lies at `target`.
    """
    if is_verified(target):
        return
    with _alone(target, tell):
        if is_verified(target) or _is_published(what, target, tell):
            return
        try:
            _fetch(what, PartFile(target), target.name, tell)
        except Unreachable as err:
            raise ModelError(
                f"{target.name} cannot be downloaded from {what.url}: {err}; check the network "
                f"and the proxy (https_proxy), or get the file elsewhere and put it at {target}"
            ) from None
        except (Interrupted, Refused) as err:
            raise ModelError(f"{target.name} cannot be downloaded from {what.url}: {err}") from None


@contextmanager
def _alone(target: Path, tell: Tell) -> Iterator[None]:
    """Keeps other processes waiting; the system frees the lock of one that was killed."""
    lock = FileLock(target.with_name(f"{target.name}.lock"))
    with on_disk(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            tell(f"{target.name}: another process downloads it; waiting")
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _is_published(what: Download, target: Path, tell: Tell) -> bool:
    """Whether a file without a right `NAME.sha256` is the published one; removes any other."""
    if not target.exists():
        return False
    published = what.checksum
    if published is not None and digest(target, published.algorithm) == published.value:
        write_checksum(target, digest(target, "sha256"))
        return True
    tell(f"{target.name}: what is there is damaged; downloading it")
    with on_disk(target):
        target.unlink()
    return False


def _fetch(what: Download, part: PartFile, name: str, tell: Tell) -> None:
    """Downloads, verifies and places; a wrong file is given one more chance."""
    if what.checksum is None and part.version().md5 is None:
        # Nothing could prove that the pieces of two lives fit together.
        part.discard()
    for is_last in (False, True):
        fetch_rest(what, part, Progress(name, tell))
        wanted = what.checksum or _servers_own(part)
        found = wanted and part.digest(wanted.algorithm)
        if wanted is None or found == wanted.value:
            part.place()
            tell(f"{name}: complete and verified")
            return
        part.discard()
        problem = (
            f"what came is not the published file: its {_NAMES[wanted.algorithm]} is {found}, "
            f"not {wanted.value}"
        )
        if is_last:
            raise Refused(f"{problem}; try again later or from another network")
        tell(f"{name}: {problem}; downloading it once more")


def _servers_own(part: PartFile) -> Checksum | None:
    md5 = part.version().md5
    return None if md5 is None else Checksum("md5", md5)


def fetch_rest(
    what: Download, part: PartFile, progress: Progress, pauses_s: Sequence[float] = _PAUSES_S
) -> None:
    """Asks until all is here, going on where a transfer broke off.

    Raises:
        Unreachable: nobody answers the first request.
        Interrupted: it broke off too often without anything new.
        Refused: it cannot be had.
        ModelError: the disk refuses.
    """
    most_bytes, pauses, was_reached = part.size_bytes, iter(pauses_s), False
    while part.size_bytes == 0 or part.size_bytes != part.version().size_bytes:
        try:
            _fetch_once(what, part, progress)
        except Interrupted as err:
            was_reached = was_reached or not isinstance(err, Unreachable)
            if part.size_bytes > most_bytes:
                most_bytes, pauses = part.size_bytes, iter(pauses_s)
            pause_s = next(pauses, None)
            if pause_s is None or not was_reached:
                raise
            progress.tell(f"{err}; going on in {pause_s:.0f} s")
            time.sleep(pause_s)
        else:
            return


def _fetch_once(what: Download, part: PartFile, progress: Progress) -> None:
    have_bytes = part.size_bytes
    with ask(what.url, have_bytes, part.version()) as answer:
        version = answer.version
        limit_bytes = _limit_bytes(what, version)
        if answer.start_bytes == 0:
            have_bytes = 0
            part.start_over(version)
        part.check_space((version.size_bytes or have_bytes) - have_bytes)
        progress.start(have_bytes, version.size_bytes)
        with part.appending() as append:
            for chunk in answer.chunks():
                append(chunk)
                have_bytes += len(chunk)
                progress.note(have_bytes, version.size_bytes)
                if have_bytes > limit_bytes:
                    break
    if have_bytes > limit_bytes or have_bytes != (what.size_bytes or have_bytes):
        part.discard()
        raise Refused(f"{have_bytes} bytes or more came instead of {limit_bytes}")


def _limit_bytes(what: Download, version: Version) -> int:
    """How many bytes may come.

    Raises:
        Refused: the server offers another file, or one that nobody could verify.
    """
    offered_bytes = version.size_bytes
    if what.size_bytes is not None and offered_bytes not in (None, what.size_bytes):
        raise Refused(
            f"{offered_bytes} bytes are offered instead of {what.size_bytes}; that is the login "
            "page of some network, or the publisher changed the file"
        )
    if not (what.checksum or what.size_bytes or version.md5 or offered_bytes):
        raise Refused("the server tells neither length nor checksum, so it could not be verified")
    if (offered_bytes or 0) > _LIMIT_BYTES:
        raise Refused(f"{offered_bytes} bytes are offered; no model is that large")
    return what.size_bytes or offered_bytes or _LIMIT_BYTES
