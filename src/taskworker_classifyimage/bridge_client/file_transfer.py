"""The download of one file: bounded, watched for its rate, and resumed where it broke off.

A server that can (`Range`, RFC 9110) goes on where a download broke off, provided that the file is
still the same: it has to name the version (`ETag` or `Last-Modified`), and then sends all of a file
that has changed.
"""

import asyncio
import io
import logging
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import nullcontext
from typing import Final

from taskworker_classifyimage.bridge_client.answers import AnswerTooLarge
from taskworker_classifyimage.bridge_client.room import NoRoom, Room
from taskworker_classifyimage.errors import BridgeUnavailable

_log = logging.getLogger(__name__)

#: A download that takes so long is logged, and for how long the next one is not.
_SLOW_S: Final = 10.0
_LOG_PAUSE_S: Final = 60.0

_CONTENT_RANGE: Final = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})", re.ASCII)


class SlowDownloads:
    """Logs that downloads are slow: one line a minute, however many there are."""

    def __init__(self) -> None:
        self._next_s = 0.0

    def note(self, what: str, size_bytes: int, duration_s: float) -> None:
        """Logs a slow download, unless another one was logged just now."""
        now_s = _now_s()
        if now_s >= self._next_s:
            self._next_s = now_s + _LOG_PAUSE_S
            _log.warning(
                "%s is slow: %.1f MB in %.0f s, %.0f kB/s; other tasks go on",
                what,
                size_bytes / 1e6,
                duration_s,
                size_bytes / 1e3 / duration_s,
            )


class FileTransfer:
    """What has arrived of one file; `start` and `read` are called for each answer of the server.

    Attributes:
        limit_bytes: a larger file is refused.
    """

    def __init__(self, what: str, limit_bytes: int, room: Room | None, slow: SlowDownloads) -> None:
        """Nothing has arrived yet.

        Args:
            what: the file, for messages.
            limit_bytes: a larger one is refused.
            room: must have room for the file before it is read; None: there is room.
            slow: logs that the download is slow.
        """
        self._what = what
        self.limit_bytes = limit_bytes
        self._room = room
        self._slow = slow
        self._content = io.BytesIO()
        self._version = ""

    @property
    def arrived_bytes(self) -> int:
        """How much has arrived so far."""
        return self._content.tell()

    def headers(self) -> dict[str, str]:
        """What asks the server to go on where the last answer broke off."""
        if not self.arrived_bytes or not self._version:
            return {}
        return {"Range": f"bytes={self.arrived_bytes}-", "If-Range": self._version}

    def start(self, status: int, headers: Mapping[str, str], length: int | None) -> None:
        """Reads the head of an answer.

        Args:
            status: HTTP status, 200 or 206.
            headers: of the answer.
            length: of its body; None if the server does not state it.

        Raises:
            AnswerTooLarge: the file is larger than it may be.
            NoRoom: there is no room for it now.
            BridgeUnavailable: it is not the part that was asked for; the next try gets all.
        """
        total = length
        if status == 206:
            total = self._read_range(headers.get("Content-Range", ""))
        else:
            self.restart()
            etag = headers.get("ETag", "")
            # A weak one may stand for other bytes.
            self._version = headers.get("Last-Modified", "") if etag[:1] != '"' else etag
        if (total or 0) > self.limit_bytes:
            raise AnswerTooLarge(f"the bridge answers with more than {self.limit_bytes} bytes")
        if self._room is not None and not self._room.take_now(total):
            raise NoRoom(total)

    async def read(
        self, chunks: AsyncIterator[bytes], *, least_bytes_per_s: float, window_s: float
    ) -> bytes:
        """Reads the body of an answer; returns the whole file.

        Raises:
            AnswerTooLarge: it is larger than it may be.
            BridgeUnavailable: for `window_s`, it has come at less than `least_bytes_per_s`.
        """
        start_s = window_start_s = _now_s()
        start_bytes = window_start_bytes = self.arrived_bytes
        is_slow = False
        with nullcontext() if self._room is None else self._room.reading():
            async for chunk in chunks:
                self._content.write(chunk)
                if self.arrived_bytes > self.limit_bytes:
                    raise AnswerTooLarge(
                        f"the bridge answers with more than {self.limit_bytes} bytes"
                    )
                now_s = _now_s()
                if now_s - start_s > _SLOW_S and not is_slow:
                    is_slow = True
                    arrived_bytes = self.arrived_bytes - start_bytes
                    self._slow.note(self._what, arrived_bytes, now_s - start_s)
                if now_s - window_start_s > window_s:
                    rate = (self.arrived_bytes - window_start_bytes) / (now_s - window_start_s)
                    if rate < least_bytes_per_s:
                        raise BridgeUnavailable(f"the file comes at {rate:.0f} bytes/s")
                    window_start_s, window_start_bytes = now_s, self.arrived_bytes
        # Not a copy, which would need as much memory again.
        return self._content.getvalue()

    def restart(self) -> None:
        """Forgets what has arrived."""
        self._version = ""
        self._content = io.BytesIO()

    def _read_range(self, content_range: str) -> int:
        """The size of the whole file."""
        found = _CONTENT_RANGE.fullmatch(content_range)
        if found is None or int(found[1]) != self.arrived_bytes:
            self.restart()
            raise BridgeUnavailable("the bridge sends another part of the file than was asked for")
        return int(found[3])


def _now_s() -> float:
    """The event loop's clock, which tests can replace."""
    return asyncio.get_running_loop().time()
