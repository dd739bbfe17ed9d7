"""The worker's side of the TaskBridge protocol: one method a call, foreign errors translated.

Works unchanged with the releases 1.3.0, 2.2.1 and 3.1.0 and with the embedded bridge: every URL
ends in a slash (2.2.1 redirects otherwise), and answers to a report are never parsed.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from taskworker_classifyimage.errors import BridgeRejected, BridgeUnavailable, TooLarge
from taskworker_classifyimage.taskbridge.address import BridgeAddress
from taskworker_classifyimage.taskbridge.leases import Leases

#: 1.3.0 and 3.1.0 cut a connection that was idle for 5 s; a call on it would look like an outage.
_KEEP_ALIVE_S = 4.0
_JSON_LIMIT_BYTES = 16 * 2**20
#: A bridge with a million tasks answers with about 250 MB.
_LIST_LIMIT_BYTES = 512 * 2**20
_CHUNK_BYTES = 2**18
#: Statuses that say "not now" or "not you": an operator or time mends them, no change of the call.
_NOT_NOW = frozenset({401, 403, 407, 408, 421, 425, 429})


@dataclass(frozen=True, slots=True)
class CallLimits:
    """How long a call may take, in seconds.

    Attributes:
        connect_s: until the connection stands.
        silence_s: in the middle of an answer.
        call_s: the whole of a call that carries no picture.
        download_s: the whole download of one picture.
    """

    connect_s: float = 10.0
    silence_s: float = 30.0
    call_s: float = 60.0
    download_s: float = 300.0


class BridgeClient:
    """Calls one TaskBridge. Use as an async context manager; the constructor opens nothing.

    Every method raises `BridgeUnavailable` when trying again later can help, and
    `BridgeRejected` with the HTTP status when it cannot.

    Attributes:
        leases: what the bridge has leased to us; see `keep_leases`.
    """

    def __init__(self, address: BridgeAddress, limits: CallLimits | None = None) -> None:
        self._api = f"{address.url}/api/"
        self._address = address
        self._limits = limits or CallLimits()
        self._session: aiohttp.ClientSession | None = None
        self._one_change = asyncio.Lock()
        self.leases = Leases()
        self._date = ""
        self._is_sturdy = False

    @property
    def loses_changes(self) -> bool:
        """Whether the server may answer to a change and yet lose it, as 2.2.1 does.

        It moves its list while a client adds a task, and what is written to the old one is gone.
        """
        return not self._is_sturdy

    @property
    def now_s(self) -> float:
        """The bridge's clock, in seconds since the epoch, as its last answer told it; else ours."""
        try:
            return parsedate_to_datetime(self._date).timestamp()
        except ValueError:
            return time.time()

    @property
    def url(self) -> str:
        """The bridge's root URL, without credentials."""
        return self._address.url

    async def __aenter__(self) -> Self:
        auth = None
        if self._address.username is not None:
            auth = aiohttp.encode_basic_auth(self._address.username, self._address.password or "")
        self._session = aiohttp.ClientSession(
            # No limit of connections: how many calls are under way is the worker's to say.
            connector=_Connector(limit=0, keepalive_timeout=_KEEP_ALIVE_S),
            headers={"Authorization": auth} if auth else None,
            # Cookies of an untrusted server serve nobody here.
            cookie_jar=aiohttp.DummyCookieJar(),
            # Asked once: the library would read the environment and files again at every call.
            proxy=_proxy(self._address.url),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def add(self, task_type: str, data: dict[str, object], file: bytes) -> str:
        """Adds a task; gives its id."""
        form = aiohttp.FormData()
        form.add_field("json", json.dumps({"type": task_type, "data": data}))
        form.add_field("file", file, filename="file", content_type="application/octet-stream")
        body = await self._json("POST", "tasks/add/", form=form)
        return str(body.get("id")) if isinstance(body, dict) else ""

    async def remove(self, task_id: str) -> None:
        """Deletes a task and its file."""
        await self._call("DELETE", f"tasks/remove/{_quoted(task_id)}/")

    async def take(
        self, task_type: str, worker: str, abilities: Mapping[str, str]
    ) -> tuple[str, object] | None:
        """Takes the oldest open task that these abilities suit: its id and data, None if none is.

        Raises only `BridgeUnavailable`: a server that refuses this call gives no work either way.
        """
        try:
            # 3.1.0 gives a task whose requirements are `{}` only to a worker that sends abilities.
            asked: dict[str, object] = {"type": task_type, "worker": worker, "abilities": abilities}
            # Only the embedded bridge knows of it; the releases pay no heed to other keys.
            asked["lease"] = True
            async with self._change():
                body = await self._json("POST", "tasks/take/", asked)
        except BridgeRejected as err:
            if err.status == 404:
                return None
            raise BridgeUnavailable(
                f"{err}; is this a TaskBridge?", may_have_done_it=False
            ) from None
        task_id = body.get("id") if isinstance(body, dict) else None
        if not isinstance(task_id, str) or not task_id:
            raise BridgeUnavailable("tasks/take/ answered without a task's id")
        # Only 2.2.1 gives the whole task.
        self._is_sturdy = "status" not in body
        self.leases.note(task_id, body, is_new=True)
        return task_id, body.get("data")

    async def renew(self, task_id: str) -> None:
        """Keeps a leased task for another length of its lease."""
        body = self.leases.named(task_id)
        await self._call("POST", f"tasks/renew/{_quoted(task_id)}/", body)

    async def file(self, task_id: str, limit_bytes: int) -> bytes:
        """Downloads a task's file.

        Raises:
            TooLarge: the file has more than `limit_bytes`.
        """
        path = f"tasks/file/{_quoted(task_id)}/"
        try:
            return await self._call(
                "GET", path, limit_bytes=limit_bytes, total_s=self._limits.download_s
            )
        except _AnswerTooLarge:
            raise TooLarge(f"the file has more than {limit_bytes} bytes") from None

    async def complete(self, task_id: str, result: dict[str, object]) -> None:
        """Reports a task's result.

        Raises:
            BridgeRejected: 404: it was removed; 409: its lease ran out and another worker has it.
        """
        async with self._change():
            body = {"result": result, **self.leases.named(task_id)}
            await self._call("POST", f"tasks/complete/{_quoted(task_id)}/", body)

    async def restart(self, task_id: str) -> None:
        """Makes a task open again."""
        async with self._change():
            await self._call("GET", f"tasks/restart/{_quoted(task_id)}/")

    async def status(self, task_id: str) -> str:
        """A task's status: "open", "inprogress" or "completed"."""
        body = await self._json("GET", f"tasks/status/{_quoted(task_id)}/")
        return str(body.get("status")) if isinstance(body, dict) else ""

    async def details(self, task_id: str) -> dict[str, Any]:
        """Everything the bridge knows of a task, `data` among it.

        Raises:
            TooLarge: that is far more than any task of ours has.
        """
        try:
            body = await self._json("GET", f"tasks/details/{_quoted(task_id)}/")
        except _AnswerTooLarge:
            raise TooLarge("the task's data are too large") from None
        if not isinstance(body, dict):
            return {}
        self.leases.note(task_id, body, is_new=False)
        return body

    async def tasks(self) -> list[dict[str, Any]]:
        """All tasks, without their data and results."""
        return _objects(await self._json("GET", "tasks/list/", limit_bytes=_LIST_LIMIT_BYTES))

    async def workers(self) -> list[dict[str, Any]]:
        """Who asked for tasks lately; in 2.2.1 every value is a text."""
        return _objects(await self._json("GET", "workers/list/"))

    async def version(self) -> str | None:
        """The release as the bridge tells it, None where it does not (2.2.1, 3.1.0)."""
        try:
            answer = await self._call("GET", "version")
        except BridgeRejected:
            return None
        return answer.decode("utf-8", "replace").strip()[:40]

    @asynccontextmanager
    async def _change(self) -> AsyncIterator[None]:
        """Holds back other changes from a server that may not stand two at the same instant.

        2.2.1 writes its maps without a lock, and ends ("fatal error: concurrent map writes") when
        two calls meet there. A server is taken for one of those until a take has shown otherwise.
        """
        if self._is_sturdy:
            yield
            return
        async with self._one_change:
            yield

    async def _json(
        self,
        method: str,
        path: str,
        body: dict[str, object] | None = None,
        *,
        form: aiohttp.FormData | None = None,
        limit_bytes: int = _JSON_LIMIT_BYTES,
    ) -> Any:
        answer = await self._call(method, path, body, form=form, limit_bytes=limit_bytes)
        try:
            return json.loads(answer)
        except (ValueError, RecursionError):
            raise BridgeUnavailable(f"{path} did not answer with JSON") from None

    async def _call(
        self,
        method: str,
        path: str,
        body: dict[str, object] | None = None,
        *,
        form: aiohttp.FormData | None = None,
        limit_bytes: int = _JSON_LIMIT_BYTES,
        total_s: float | None = None,
    ) -> bytes:
        if self._session is None:
            raise RuntimeError("BridgeClient is used outside its 'async with'")
        try:
            async with self._session.request(
                method,
                URL(self._api + path, encoded=True),
                json=body,
                data=form,
                # A redirected POST would arrive as a GET, and credentials might go elsewhere.
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    total=total_s or self._limits.call_s,
                    sock_connect=self._limits.connect_s,
                    sock_read=self._limits.silence_s,
                ),
            ) as response:
                self._date = response.headers.get("Date", "")
                _check_status(response, path.partition("/%")[0])
                return await _read(response, limit_bytes)
        except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError) as err:
            raise BridgeUnavailable(_reason(err), may_have_done_it=False) from err
        except TimeoutError:
            raise BridgeUnavailable("the bridge does not answer in time") from None
        except (aiohttp.ClientError, OSError, ValueError) as err:
            raise BridgeUnavailable(_reason(err)) from err


class _Connector(aiohttp.TCPConnector):
    """Uses no connection again on which more has come than was asked for.

    The library would take a second copy of an answer for the answer to the next call.
    """

    async def _get(self, key: Any, traces: Any) -> aiohttp.connector.Connection | None:
        while (connection := await super()._get(key, traces)) is not None:
            if connection.protocol is not None and not connection.protocol.should_close:
                return connection
            connection.close()
        return None


class _AnswerTooLarge(BridgeUnavailable):
    """An answer is larger than any sensible one."""


async def _read(response: aiohttp.ClientResponse, limit_bytes: int) -> bytes:
    if (response.content_length or 0) > limit_bytes:
        raise _AnswerTooLarge(f"the bridge answers with more than {limit_bytes} bytes")
    answer = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        answer += chunk
        if len(answer) > limit_bytes:
            raise _AnswerTooLarge(f"the bridge answers with more than {limit_bytes} bytes")
    return bytes(answer)


def _check_status(response: aiohttp.ClientResponse, path: str) -> None:
    status = response.status
    if status == 200:
        return
    if 300 <= status < 400:
        target = response.headers.get("Location", "")[:200]
        raise BridgeUnavailable(
            f"the bridge redirects to {target!r}; give that address as taskbridgeurl",
            may_have_done_it=False,
        )
    if status in (401, 407):
        raise BridgeUnavailable(
            f"the bridge refuses us ({status}): give user:password@ in taskbridgeurl",
            may_have_done_it=False,
        )
    if status in _NOT_NOW or status >= 500:
        raise BridgeUnavailable(
            f"the bridge answers {status}",
            _seconds(response.headers.get("Retry-After")),
            may_have_done_it=status >= 500,
        )
    raise BridgeRejected(f"the bridge answers {status} to {path}", status)


def _objects(body: object) -> list[dict[str, Any]]:
    return [each for each in body if isinstance(each, dict)] if isinstance(body, list) else []


def _proxy(url: str) -> str | None:
    """The proxy that the environment names for a URL, if it does not exempt the host."""
    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return None
    return getproxies().get(parts.scheme)


def _seconds(retry_after: str | None) -> float:
    if retry_after is not None and retry_after.isascii() and retry_after.isdigit():
        return min(float(retry_after), 300.0)
    return 0.0


def _reason(err: Exception) -> str:
    """What a person needs of a connection error, in one line."""
    cause = err.os_error if isinstance(err, aiohttp.ClientConnectorError) else err
    if isinstance(cause, ConnectionError) and cause.errno:
        return os.strerror(cause.errno)
    text = cause.strerror if isinstance(cause, OSError) else None
    return " ".join((text or str(cause) or type(cause).__name__).split())


def _quoted(task_id: str) -> str:
    """A task's id as one path segment; ids come from outside, dots included."""
    return quote(task_id, safe="").replace(".", "%2E")
