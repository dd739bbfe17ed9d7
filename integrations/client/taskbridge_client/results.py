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
    return _likely(result["predictions"], "class", threshold_percent)


def categories(result, threshold_percent=0.0):
    """The same of the categories, such as dog or vehicle; none if the worker knows none."""
    return _likely(result.get("categories"), "id", threshold_percent)


def _likely(entries, id_key, threshold_percent):
    found = []
    for each in entries if isinstance(entries, list) else ():
        if not isinstance(each, dict):
            continue
        name, probability = each.get("name"), each.get("probability")
        if is_text(name) and isinstance(probability, (int, float)) and 0 <= probability <= 1:
            percent = round(100.0 * probability, 2)
            if percent >= threshold_percent:
                found.append((name, each[id_key] if is_text(each.get(id_key)) else "", percent))
    return found


def is_text(value):
    """Tells whether a value of JSON is a text with something in it, in Jython too."""
    return hasattr(value, "encode") and len(value) > 0
