"""Tells a person now and then how far a download is."""

import time
from collections.abc import Callable
from typing import Final

#: Whichever comes first.
_EVERY_SHARE: Final = 0.1
_EVERY_S: Final = 10.0

Tell = Callable[[str], None]


class Progress:
    """Gives `tell` a line at the start and at every tenth or every few seconds."""

    def __init__(self, name: str, tell: Tell) -> None:
        self._name = name
        self._tell = tell
        self._told_bytes = 0
        self._told_s = 0.0

    def tell(self, text: str) -> None:
        """Tells anything about this download."""
        self._tell(f"{self._name}: {text}")

    def start(self, have_bytes: int, total_bytes: int | None) -> None:
        """The download begins, or goes on from `have_bytes`."""
        verb = "continuing at" if have_bytes else "downloading"
        self._show(f"{verb} ", have_bytes, total_bytes)

    def note(self, have_bytes: int, total_bytes: int | None) -> None:
        """More came; `have_bytes` is all there is now."""
        step_bytes = _EVERY_SHARE * (total_bytes or float("inf"))
        is_far = have_bytes - self._told_bytes >= step_bytes
        if is_far or time.monotonic() - self._told_s >= _EVERY_S:
            self._show("", have_bytes, total_bytes)

    def _show(self, verb: str, have_bytes: int, total_bytes: int | None) -> None:
        self._told_bytes, self._told_s = have_bytes, time.monotonic()
        if total_bytes:
            share = f"{have_bytes / total_bytes:.0%}"
            self.tell(f"{verb}{have_bytes / 1e6:.1f} of {total_bytes / 1e6:.1f} MB ({share})")
        else:
            self.tell(f"{verb}{have_bytes / 1e6:.1f} MB")
