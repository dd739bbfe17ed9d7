"""Equal pictures cost one inference: the answers that were used last, for several threads."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from taskworker_classifyimage.pipeline.result import Answer

#: An answer has 8 bytes a class: 16 MB in all for 1000 classes.
_SIZE: Final = 2000


class RememberedAnswers:
    """Answers by the SHA-256 of the encoded picture; see `pipeline.answer_cache`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: OrderedDict[str, Answer] = OrderedDict()
        self._in_progress: dict[str, threading.Event] = {}

    def get(self, sha256: str, compute: Callable[[], Answer]) -> Answer:
        """The answer to a picture; of several threads at once only one computes it.

        Raises:
            TaskError: whatever `compute` raised; failures are not kept.
        """
        while True:
            with self._lock:
                known = self._answers.get(sha256)
                if known is not None and not known.maker.is_replaced:
                    self._answers.move_to_end(sha256)
                    return known
                other = self._in_progress.get(sha256)
                if other is None:
                    done = self._in_progress[sha256] = threading.Event()
                    break
            other.wait()
        try:
            answer = compute()
            with self._lock:
                self._answers[sha256] = answer
                self._answers.move_to_end(sha256)
                if len(self._answers) > _SIZE:
                    self._answers.popitem(last=False)
            return answer
        finally:
            # Those who wait look again; if it failed, one of them computes.
            with self._lock:
                del self._in_progress[sha256]
            done.set()
