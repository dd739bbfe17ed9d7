"""Results on their way to a bridge that takes several at once.

While many tasks are in hand, results that finish within a few hundredths of a second go together:
a call costs more than the result that it carries. Never does more than a third of what is in hand
wait for that, so that whoever waits for few answers gets each at once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from taskworker_classifyimage.errors import BridgeRejected

#: The least time from one call to the next.
_PACE_S: Final = 0.04
#: No call has more results, or more bytes of them.
MOST_RESULTS: Final = 64
MOST_BYTES: Final = 2**19

#: Sends reports, which are JSON; returns the status of each.
Send = Callable[[Sequence[bytes]], Awaitable[Sequence[int]]]


class Reports:
    """Gathers results that finish at about the same time; used on one event loop."""

    def __init__(self, send: Send) -> None:
        """Takes what sends them: at most `MOST_RESULTS` and `MOST_BYTES` at once."""
        self._send = send
        self._waiting: list[tuple[bytes, asyncio.Future[int | None]]] = []
        self._waiting_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._next_s = 0.0
        self._sending: set[asyncio.Task[None]] = set()

    async def deliver(self, report: bytes, in_hand: int) -> int | None:
        """Sends a result, soon and perhaps with others.

        Args:
            report: at most `MOST_BYTES` of JSON.
            in_hand: how many tasks are in hand, this one included.

        Returns:
            Its status; None: the bridge refused all of them, perhaps because of another one.

        Raises:
            BridgeUnavailable: the bridge may or may not have it.
        """
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[int | None] = loop.create_future()
        if self._waiting_bytes + len(report) > MOST_BYTES:
            self._flush()
        self._waiting.append((report, answered))
        self._waiting_bytes += len(report)
        if len(self._waiting) >= min(in_hand // 3, MOST_RESULTS):
            self._flush()
        elif self._timer is None:
            self._timer = loop.call_at(self._next_s, self._flush)
        return await answered

    def _flush(self) -> None:
        """Begins to send what waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        # Who was cancelled hands its task back.
        batch = [each for each in self._waiting if not each[1].done()]
        self._waiting, self._waiting_bytes = [], 0
        if batch:
            loop = asyncio.get_running_loop()
            self._next_s = loop.time() + _PACE_S
            sending = loop.create_task(self._send_all(batch))
            self._sending.add(sending)
            sending.add_done_callback(self._sending.discard)

    async def _send_all(self, batch: Sequence[tuple[bytes, asyncio.Future[int | None]]]) -> None:
        statuses: Sequence[int | None]
        try:
            statuses = await self._send([report for report, _ in batch])
        except BridgeRejected:
            statuses = [None] * len(batch)
        except asyncio.CancelledError:
            for _, answered in batch:
                answered.cancel()
            raise
        except Exception as err:  # noqa: BLE001 - told to those who wait for it
            for _, answered in batch:
                if not answered.done():
                    answered.set_exception(err)
            return
        for (_, answered), status in zip(batch, statuses, strict=True):
            if not answered.done():
                answered.set_result(status)
