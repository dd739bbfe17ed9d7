"""Pictures in flight at a bridge."""

import collections
import time

from taskbridge_client.errors import LostTask, NotAccepted, Refused, Unreachable, describe
from taskbridge_client.patience import Patience, now
from taskbridge_client.results import Answers, failure

#: How long a status call may wait at a bridge that knows `wait`; others ignore it.
_LONG_WAIT_S = 20
#: The same, if other pictures are in flight as well and may be done earlier.
_SHORT_WAIT_S = 2
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.03, 0.5
#: A bridge that has lost a task is given the picture again, this many times in all.
_MOST_TRIES = 3
#: Codes that say nothing about the picture; it may be classified at another time.
_ABOUT_THE_BRIDGE = ("unreachable", "refused", "unanswered", "internal", "download_failed")


class Pictures:
    """Pictures in flight at a bridge; for one thread at a time.

    What goes wrong with a picture, or with the bridge, is a result with `error` and `code`: no
    method raises. Codes of our own: `unreachable`, `refused`, `unanswered`.
    """

    def __init__(self, bridge, data, in_flight=16, patience=None, answers=None):
        self._bridge = bridge
        self._data = data
        self._in_flight = in_flight
        self._patience = patience or Patience()
        self._answers = answers or Answers()
        self._tasks = collections.OrderedDict()
        self._done = []
        self._all_asked = 0.0

    def __len__(self):
        """How many are in flight."""
        return len(self._tasks)

    def is_full(self):
        return len(self._tasks) >= self._in_flight

    def add(self, key, picture, digest=None):
        """Sends a picture; `finished` gives its result with `key`.

        Equal pictures, which have one `digest`, are sent once.
        """
        result = self._answers.find(digest)
        if result is not None:
            self._done.append((key, result))
            return
        for task in self._tasks.values():
            if digest and task.digest == digest:
                task.keys.append(key)
                return
        self._send(_Task(key, picture, digest))

    def finished(self, at_least=0):
        """(key, result) of those that are done; waits for `at_least`, or for all in flight."""
        pause_s = _FIRST_PAUSE_S
        while True:
            waiting = len(self._done) < at_least and len(self._tasks) > 0
            began = now()
            before = len(self._tasks)
            self._ask(waiting)
            if not self._tasks or len(self._done) >= at_least:
                done, self._done = self._done, []
                return done
            if len(self._tasks) < before:
                pause_s = _FIRST_PAUSE_S
            elif now() - began < pause_s:  # the bridge has not waited
                time.sleep(pause_s)
                pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)

    def close(self):
        """Removes what is in flight from the bridge, as far as it can be reached."""
        while self._tasks:
            _, task = self._tasks.popitem()
            self._remove(task)
        self._bridge.close()

    def _ask(self, waiting):
        """Asks for the oldest until one is not done, and now and then for all others."""
        wait_s = 0
        if waiting:
            wait_s = _LONG_WAIT_S if len(self._tasks) == 1 else _SHORT_WAIT_S
        ask_all = now() - self._all_asked > _LONGEST_PAUSE_S
        for task in list(self._tasks.values()):
            if not self._is_done(task, wait_s) and not ask_all:
                return
            wait_s = 0
        self._all_asked = now()

    def _is_done(self, task, wait_s):
        left_s = task.since + self._patience.limit_s() - now()
        try:
            if self._bridge.status(task.id, max(0, min(wait_s, int(left_s)))) == "completed":
                self._finish(task, self._bridge.result(task.id))
                self._patience.answered(True)
                return True
        except LostTask:
            del self._tasks[task.id]
            self._send(task)
            return False
        except (Refused, Unreachable) as err:
            self._finish(task, _problem(err))
            return True
        if left_s > 0:
            return False
        message = "no worker has answered in %d s" % (now() - task.since)
        self._finish(task, failure("unanswered", message))
        self._patience.answered(False)
        return True

    def _send(self, task):
        task.tries += 1
        try:
            if task.tries > _MOST_TRIES:
                raise NotAccepted("unanswered", "the bridge has lost the task repeatedly")
            task.id = self._bridge.add(task.picture, self._data)
        except NotAccepted as err:
            self._give(task, failure(err.code, describe(err)))
        except (Refused, Unreachable) as err:
            self._give(task, _problem(err))
        else:
            self._tasks[task.id] = task

    def _finish(self, task, result):
        del self._tasks[task.id]
        self._give(task, result)
        if result.get("code") != "unreachable":
            self._remove(task)

    def _give(self, task, result):
        self._done.extend((key, result) for key in task.keys)
        if result.get("code") not in _ABOUT_THE_BRIDGE:
            self._answers.keep(task.digest, result)

    def _remove(self, task):
        try:
            self._bridge.remove(task.id)
        except (Refused, Unreachable):
            pass  # the bridge removes old tasks itself


class _Task:
    def __init__(self, key, picture, digest):
        self.keys = [key]
        self.picture = picture
        self.digest = digest
        self.since = now()
        self.tries = 0
        self.id = None


def _problem(err):
    return failure("refused" if isinstance(err, Refused) else "unreachable", describe(err))
