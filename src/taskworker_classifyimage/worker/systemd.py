"""Notifying systemd that the service is ready and alive, and of its status; see sd_notify(3).

Each message is one datagram to the socket that the environment names; without systemd nothing is
sent.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Mapping
from typing import Final

#: How often the status line is sent; a watchdog may need a shorter interval.
_STATUS_INTERVAL_S: Final = 10.0


class Systemd:
    """The service manager that started this process, if any.

    Attributes:
        watchdog_s: time without a message after which it kills the service; None: it does not.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID; opens nothing."""
        address = environ.get("NOTIFY_SOCKET", "")
        # "@" stands for the zero byte at the start of an abstract socket's name.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._is_there = address[:1] in ("/", "@") and hasattr(socket, "AF_UNIX")
        self.watchdog_s: float | None = None
        watchdog_us = environ.get("WATCHDOG_USEC", "")
        if environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid()):
            with contextlib.suppress(ValueError):
                self.watchdog_s = int(watchdog_us) / 1e6

    def notify(self, **fields: str) -> None:
        """Sends fields such as READY="1"; ignores errors, as the worker works without systemd."""
        if not self._is_there:
            return
        message = "".join(f"{name}={value}\n" for name, value in fields.items())
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.sendto(message.encode(), self._address)

    async def keep_notifying(self, status: Callable[[], str], stop: asyncio.Event) -> None:
        """Sends signs of life and the status line until `stop` is set."""
        # A third of the watchdog's time: one message may be late and the next still in time.
        interval_s = min(_STATUS_INTERVAL_S, (self.watchdog_s or 3600.0) / 3)
        self.notify(READY="1")
        while not stop.is_set():
            self.notify(WATCHDOG="1", STATUS=status())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), interval_s)
        self.notify(STOPPING="1", STATUS="stopping")
