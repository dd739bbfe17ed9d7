"""The log lines of calls: one for each refusal with its reason, and at debug one for each call."""

import logging
from typing import Final

from aiohttp import web

from taskworker_classifyimage.bridge_server.rarely import RareLog

_log = logging.getLogger(__name__)

#: No refusal: there is no such task or no work, and a lease that has expired.
_ORDINARY: Final = (404, 409)
#: The most lines a minute of each status: too few to fill a disk.
_LINES: Final = 60
_LONGEST: Final = 200


class CallLog:
    """Logs calls; refusals of each status at most `_LINES` times a minute."""

    def __init__(self) -> None:
        self._refusals: dict[int, RareLog] = {}

    def note(self, request: web.Request, response: web.StreamResponse, address: str) -> None:
        """Logs a call that has been answered.

        Args:
            request: the call.
            response: its answer.
            address: of the client.
        """
        status = response.status
        call = f"{request.method} {request.path[:_LONGEST]}"
        _log.debug("bridge.call call=%r from=%s status=%d", call, address, status)
        if 400 <= status < 500 and status not in _ORDINARY:
            text = response.text if isinstance(response, web.Response) else None
            line = f"bridge.refused call={call!r} from={address} status={status}"
            refusals = self._refusals.setdefault(status, RareLog(_log, logging.WARNING, _LINES))
            refusals.write(f"{line} answer={(text or '')[:_LONGEST]}")
