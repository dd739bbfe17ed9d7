"""How long bridges and workers are waited for."""

import threading
import time

now = getattr(time, "monotonic", time.time)  # Jython has no monotonic clock


class Patience:
    """How long a bridge and its workers are waited for; what all threads know of that together.

    While a bridge has been away for less than the patience, calls are repeated. After that each
    call is tried once, so that a bridge that is gone does not cost its patience again and again.
    Likewise, once a picture was not answered in time, all others have a short time, until one is
    answered again.
    """

    def __init__(self, patience_s=60.0, time_limit_s=600.0):
        self._patience_s = patience_s
        self._time_limit_s = time_limit_s
        self._lock = threading.Lock()
        self._away_since = None
        self._nobody_works = False

    def is_left(self):
        """Called when a bridge is away: tells whether to try again."""
        with self._lock:
            if self._away_since is None:
                self._away_since = now()
            return now() - self._away_since < self._patience_s

    def bridge_is_back(self):
        with self._lock:
            self._away_since = None

    def limit_s(self):
        """In how many seconds a picture has to be answered."""
        return self._time_limit_s / (60 if self._nobody_works else 1)

    def answered(self, in_time):
        self._nobody_works = not in_time
