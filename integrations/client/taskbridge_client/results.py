"""What the workers say of a picture."""

import collections
import threading


class Answers:
    """The last results by the hash of the picture's bytes, for all threads."""

    def __init__(self, limit=50000):
        self._limit = limit
        self._lock = threading.Lock()
        self._results = collections.OrderedDict()

    def find(self, digest):
        """The result, or None."""
        if not digest:
            return None
        with self._lock:
            result = self._results.pop(digest, None)
            if result is not None:
                self._results[digest] = result
            return result

    def keep(self, digest, result):
        if not digest:
            return
        with self._lock:
            self._results[digest] = result
            while len(self._results) > self._limit:
                self._results.popitem(False)


def failure(code, message):
    """A result as workers give it for a picture that was not classified."""
    return {"predictions": [], "error": message, "code": code}


def classes(result, threshold_percent=0.0):
    """(name, class id, percent) of the predictions that reach a threshold, most probable first."""
    found = []
    for each in result["predictions"]:
        if isinstance(each, dict) and isinstance(each.get("probability"), (int, float)):
            percent = round(100.0 * each["probability"], 2)
            if percent >= threshold_percent and each.get("name"):
                found.append((each["name"], each.get("class") or "", percent))
    return found
