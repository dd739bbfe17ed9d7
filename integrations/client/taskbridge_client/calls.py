"""The calls of a TaskBridge that a client needs."""

import base64
import itertools
import json
import re
import socket
import time
import uuid

from taskbridge_client.errors import LostTask, NotAccepted, Refused, Unreachable, describe
from taskbridge_client.patience import Patience, now
from taskbridge_client.results import failure, is_text
from taskbridge_client.tls import Tls

try:
    import http.client as http
    from urllib.parse import unquote, urlsplit
except ImportError:  # Jython
    from urllib import unquote

    import httplib as http
    from urlparse import urlsplit

#: What the bridge, or a proxy before it, answers while it is starting, too busy or without room.
_AWAY = (408, 429, 500, 502, 503, 504, 507)
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.03, 5.0
#: Bridges close idle connections; the least patient one after 5 s.
_IDLE_S = 4
_LONGEST_ANSWER_BYTES, _PIECE_BYTES = 50 * 1024 * 1024, 64 * 1024


class Bridge:
    """The calls of a TaskBridge, on one connection that is kept; for one thread at a time.

    Every call waits for a bridge that is away and raises `Unreachable` when the patience is
    over, or `Refused`.
    """

    def __init__(self, url, token=None, tls=None, patience=None, timeout_s=60.0):
        """`url` may hold a user and a password, which is sent instead of the token.

        Raises `Refused`, or `ValueError`, if the address or the token cannot be one.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Refused("%s is no address such as http://127.0.0.1:42000/" % _without_user(url))
        self._secure = parts.scheme == "https"
        self._host, self._port = str(parts.hostname), parts.port
        self._root = _ascii(parts.path.rstrip("/") + "/api/tasks/")
        self._tls = tls or Tls()
        self._patience = patience or Patience()
        self._timeout_s = timeout_s
        self._headers = {"Accept": "application/json", "User-Agent": "taskbridge-client"}
        if parts.password:
            pair = "%s:%s" % (unquote(parts.username or ""), unquote(parts.password))
            self._headers["Authorization"] = "Basic " + _base64(pair)
        elif token:
            self._headers["Authorization"] = _ascii("Bearer " + token)
        self._connection = None
        self._used = 0.0

    def add(self, picture, data):
        """Adds a task to classify a picture and returns its id."""
        task = json.dumps({"type": "classifyimage", "data": data})
        try:
            answer = _object(self._call("POST", "add/", self._send_form, (task, picture)))
        except LostTask:
            raise Refused("nothing is at tasks/add/ there: check the address of the bridge")
        task_id = answer.get("id")
        if not re.match(r"[A-Za-z0-9._-]{1,200}$", "%s" % task_id) or task_id is None:
            raise Refused("the answer to tasks/add/ has no id: is this a TaskBridge?")
        return str(task_id)

    def status(self, task_id, wait_s):
        """Such as "open" or "completed"; a bridge that knows `wait` waits for a change."""
        return _object(self._task_call("GET", "status", task_id, "?wait=%d" % wait_s)).get("status")

    def result(self, task_id):
        """The result of a completed task; always with `predictions` or with `error` and `code`."""
        result = _object(self._task_call("GET", "result", task_id)).get("result")
        if not isinstance(result, dict):
            return failure("internal", "the result is no object")
        if result.get("error"):
            code = result.get("code")
            return dict(result, code=code if is_text(code) else "internal")
        if not isinstance(result.get("predictions"), list):
            return failure("internal", "the result has no predictions")
        return result

    def remove(self, task_id):
        """Removes a task with its file; a task that is not there is no error."""
        try:
            self._task_call("DELETE", "remove", task_id)
        except LostTask:
            pass

    def close(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _task_call(self, method, name, task_id, query=""):
        # The slash at the end: TaskBridge 2 answers with a redirect without it.
        path = "%s/%s/%s" % (name, task_id, query)
        return self._call(method, path, self._send_head, None)

    def _call(self, method, path, send, body):
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                status, text = self._call_once(method, self._root + path, send, body)
            except (EnvironmentError, http.HTTPException) as err:
                reason = describe(err)
                if "certificat" in reason.lower():
                    raise Refused("the bridge's certificate is not trusted: " + reason)
            else:
                if status not in _AWAY:
                    self._patience.bridge_is_back()
                    return _check(status, text)
                reason = "it answers %d" % status
            if not self._patience.is_left():
                raise Unreachable("the bridge at %s is away: %s" % (self._host, reason))
            time.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def _call_once(self, method, path, send, body):
        completed = False
        try:
            connection = self._connected()
            connection.putrequest(method, path)
            for name, text in self._headers.items():
                connection.putheader(name, text)
            send(connection, body)
            answer = connection.getresponse()
            text = _read(answer)
            completed = True
            self._used = now()
            return answer.status, text
        finally:
            if not completed:
                self.close()

    def _connected(self):
        if self._connection is not None:
            if self._connection.sock is not None and now() - self._used < _IDLE_S:
                return self._connection
            self.close()
        if self._secure:
            if not hasattr(http, "HTTPSConnection"):
                raise Refused("this Jython lacks what https needs")
            self._connection = http.HTTPSConnection(
                self._host, self._port, timeout=self._timeout_s, context=self._tls.context()
            )
        else:
            self._connection = http.HTTPConnection(self._host, self._port, timeout=self._timeout_s)
        # Each connection is made here, so that each certificate is checked.
        self._connection.auto_open = 0
        self._connection.connect()
        if hasattr(self._connection.sock, "setsockopt"):  # Jython's has it without TLS alone
            self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._secure:
            self._tls.check(self._connection.sock)
        return self._connection

    def _send_head(self, connection, _body):
        connection.endheaders()

    def _send_form(self, connection, body):
        task, picture = body
        boundary = uuid.uuid4().hex
        head, tail = _form(boundary, task)
        connection.putheader("Content-Type", "multipart/form-data; boundary=" + boundary)
        connection.putheader("Content-Length", str(len(head) + picture.size + len(tail)))
        connection.endheaders()
        chunks = itertools.chain([head], picture.chunks(), [tail])
        while _send_chunk(connection, next(chunks, None)):
            pass


def _send_chunk(connection, chunk):
    """Tells whether the bridge reads on; one that refuses a file answers at once."""
    if chunk is None:
        return False
    try:
        connection.send(chunk)
    except EnvironmentError:
        return False
    return True


def _read(answer):
    """The body, in pieces: Python 3.9 makes room for as much as it is asked to read."""
    pieces, left = [], _LONGEST_ANSWER_BYTES
    while left > 0:
        piece = answer.read(_PIECE_BYTES)
        if not piece:
            break
        pieces.append(piece)
        left -= len(piece)
    # No bridge leaves out how long its answer is: what has no end may have been cut off.
    if answer.length or (answer.length is None and not answer.chunked):
        raise http.IncompleteRead(b"")
    return b"".join(pieces)


def _check(status, text):
    """The text of a good answer; raises what the others mean."""
    if status == 200:
        return text
    if status == 404:
        raise LostTask
    if status == 413:
        raise NotAccepted("too_large", "the bridge accepts no file of this size")
    if status in (401, 403):
        raise Refused("the bridge refuses the call (%d): check the token" % status)
    raise Refused("the bridge answers %d: check its address" % status)


def _object(text):
    try:
        answer = json.loads(text.decode("utf-8"))
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise Refused("the answer is no JSON object: is this a TaskBridge?")
    return answer


def _form(boundary, task):
    """What stands before and after the picture in the form of tasks/add/."""
    head = (
        '--{0}\r\nContent-Disposition: form-data; name="json"\r\n\r\n{1}\r\n'
        '--{0}\r\nContent-Disposition: form-data; name="file"; filename="picture"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).format(boundary, task)
    return head.encode("ascii"), ("\r\n--%s--\r\n" % boundary).encode("ascii")


def _ascii(text):
    """As `str`, which is what the HTTP library wants in Jython as well."""
    return str(text.encode("ascii").decode("ascii"))


def _base64(text):
    return base64.b64encode(text.encode("utf-8")).decode("ascii")


def _without_user(url):
    return url.rpartition("@")[2]
