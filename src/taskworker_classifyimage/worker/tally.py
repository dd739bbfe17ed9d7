"""Telling now and then in the log what was done."""

import asyncio
import logging

from taskworker_classifyimage.pipeline.handle import Handler

_log = logging.getLogger(__name__)


async def log_tally(handler: Handler, interval_s: float) -> None:
    """Logs a line whenever something was done since the last one; never ends by itself."""
    tally, told = handler.tally, (0, 0, 0)
    while True:
        await asyncio.sleep(interval_s)
        now = (tally.classified, tally.failed, handler.repeated)
        if now != told:
            done, failed, repeated = (new - old for new, old in zip(now, told, strict=True))
            _log.info(
                "in the last %.0f s %d pictures classified, %d of them seen before; %d failed",
                interval_s,
                done,
                repeated,
                failed,
            )
        told = now
