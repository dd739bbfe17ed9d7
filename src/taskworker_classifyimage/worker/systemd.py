"""Telling systemd that the service is ready, alive and what it does, see sd_notify(3).

One datagram a message, to the socket that systemd names in the environment; elsewhere nothing.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Mapping
from typing import Final

#: How often the status line is renewed; the watchdog, if there is one, may want it more often.
_STATUS_INTERVAL_S: Final = 10.0


class Systemd:
    """The service manager, if this process is a service of its.

    Attributes:
        watchdog_s: it kills a service that says nothing for so long; None: it does not.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID; opens nothing."""
        address = environ.get("NOTIFY_SOCKET", "")
        # "@" stands for the zero byte that abstract sockets' names begin with.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._is_there = address[:1] in ("/", "@") and hasattr(socket, "AF_UNIX")
        self.watchdog_s: float | None = None
        watchdog_us = environ.get("WATCHDOG_USEC", "")
        if environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid()):
            with contextlib.suppress(ValueError):
                self.watchdog_s = int(watchdog_us) / 1e6

    def tell(self, **fields: str) -> None:
        """Sends fields such as READY="1"; a service manager that is away is no reason to fail."""
        if not self._is_there:
            return
        message = "".join(f"{name}={value}\n" for name, value in fields.items())
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
            to.setblocking(False)
            to.sendto(message.encode(), self._address)

    async def keep_telling(self, status: Callable[[], str], stop: asyncio.Event) -> None:
        """Tells again and again that the event loop runs, and a line for people, until the stop."""
        # A third: one message may be late and the next still in time.
        interval_s = min(_STATUS_INTERVAL_S, (self.watchdog_s or 3600.0) / 3)
        self.tell(READY="1")
        while not stop.is_set():
            self.tell(WATCHDOG="1", STATUS=status())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), interval_s)
        self.tell(STOPPING="1", STATUS="stopping")
