"""HTTP to one bridge: who is who, what may take how long, and foreign errors as our own.

The only file that names the HTTP library.
"""

import asyncio
import logging
import os
import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from taskworker_classifyimage.bridge_client.address import BridgeAddress
from taskworker_classifyimage.bridge_client.answers import AnswerTooLarge
from taskworker_classifyimage.bridge_client.proxy import proxy_for
from taskworker_classifyimage.bridge_client.tls import PinMismatch
from taskworker_classifyimage.errors import BridgeRejected, BridgeUnavailable, printable
from taskworker_classifyimage.loopback import is_loopback

_log = logging.getLogger(__name__)

#: 1.3.0 and 3.1.0 cut a connection that was idle for 5 s; a call on it would look like an outage.
_KEEP_ALIVE_S: Final = 4.0
#: What is left of connections over TLS needs to end.
_GOODBYE_S: Final = 0.1
_CHUNK_BYTES: Final = 2**18
#: Statuses that say "not now" or "not you": an operator or time mends them, no change of the call.
_NOT_NOW: Final = frozenset({401, 403, 407, 408, 421, 425, 429})


@dataclass(frozen=True, slots=True)
class CallLimits:
    """How long a call may take, and how much may come.

    Attributes:
        connect_s: until the connection stands, TLS included.
        silence_s: in the middle of an answer.
        call_s: a whole call that carries no picture.
        download_s: the whole download of one picture.
        json_bytes: an answer that is no picture and no list of tasks.
        list_bytes: a list of tasks; of a million it has about 250 MB.
    """

    connect_s: float = 10.0
    silence_s: float = 30.0
    call_s: float = 60.0
    download_s: float = 300.0
    json_bytes: int = 16 * 2**20
    list_bytes: int = 512 * 2**20


class Connection:
    """Calls one bridge. Use as an async context manager; the constructor opens nothing.

    Attributes:
        date: the bridge's clock as its last answer told it, as HTTP writes it; empty if it did not.
    """

    def __init__(self, address: BridgeAddress, limits: CallLimits) -> None:
        self._address = address
        self._limits = limits
        self._session: aiohttp.ClientSession | None = None
        self.date = ""

    async def __aenter__(self) -> Self:
        address = self._address
        is_https = address.url.startswith("https:")
        _warn(address)
        self._session = aiohttp.ClientSession(
            # No limit of connections: how many calls are under way is the worker's to say.
            connector=_Connector(
                limit=0,
                keepalive_timeout=_KEEP_ALIVE_S,
                ssl=address.tls.context() if is_https else True,
            ),
            headers=_headers(address),
            # Cookies of an untrusted server serve nobody here.
            cookie_jar=aiohttp.DummyCookieJar(),
            # What was not asked for is not unpacked: a few bytes could fill the memory.
            auto_decompress=False,
            # Asked once: the library would read the environment and files again at every call.
            proxy=proxy_for(address.url),
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
            if self._address.url.startswith("https:"):
                # The library does not wait for the end of TLS: "Graceful shutdown" in its manual.
                await asyncio.sleep(_GOODBYE_S)

    async def call(
        self,
        method: str,
        path: str,
        content: Mapping[str, object] | aiohttp.FormData | None = None,
        *,
        limit_bytes: int | None = None,
        total_s: float | None = None,
    ) -> bytes:
        """One call; gives the body of an answer of status 200.

        Args:
            method: of HTTP.
            path: below `/api/`, quoted.
            content: sent as JSON, or a `form`.
            limit_bytes: of the answer; None: that of JSON.
            total_s: of the whole call; None: that of calls without a picture.

        Raises:
            AnswerTooLarge: more than `limit_bytes` came or were announced.
            BridgeUnavailable: trying again later can help.
            BridgeRejected: it cannot.
        """
        if self._session is None:
            raise RuntimeError("Connection is used outside its 'async with'")
        is_form = isinstance(content, aiohttp.FormData)
        try:
            async with self._session.request(
                method,
                URL(f"{self._address.url}/api/{path}", encoded=True),
                json=None if is_form else content,
                data=content if is_form else None,
                # A redirected POST would arrive as a GET, and credentials might go elsewhere.
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    total=total_s or self._limits.call_s,
                    sock_connect=self._limits.connect_s,
                    sock_read=self._limits.silence_s,
                ),
            ) as response:
                self.date = response.headers.get("Date", "")
                _check_status(response, path[:100])
                return await _read(response, limit_bytes or self._limits.json_bytes)
        except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError) as err:
            problem, was_sent = _reason(err), False
        except TimeoutError:
            problem, was_sent = "the bridge does not answer in time", True
        except (aiohttp.ClientError, OSError, ValueError) as err:
            problem, was_sent = _reason(err), True
        # Outside of the handler, for those errors carry the request with our credentials along.
        raise BridgeUnavailable(problem, may_have_done_it=was_sent)


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


def form(fields: Mapping[str, str], file: bytes) -> aiohttp.FormData:
    """A multipart form with a part `file`."""
    content = aiohttp.FormData(fields)
    content.add_field("file", file, filename="file", content_type="application/octet-stream")
    return content


def _headers(address: BridgeAddress) -> dict[str, str]:
    headers = {"Accept-Encoding": "identity"}
    if address.credentials is not None:
        headers["Authorization"] = address.credentials.header
    return headers


def _warn(address: BridgeAddress) -> None:
    """Spells out what the operator gave up."""
    if not address.tls.is_checked:
        _log.warning(
            "INSECURE: the certificate of %s is NOT CHECKED; whoever sits on the way there can "
            "read and change everything, passwords and results included",
            address.url,
        )
    if (
        address.credentials
        and address.url.startswith("http:")
        and not is_loopback(urlsplit(address.url).hostname or "")
    ):
        _log.warning("passwords or tokens go to %s UNENCRYPTED; use https", address.url)


async def _read(response: aiohttp.ClientResponse, limit_bytes: int) -> bytes:
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise BridgeUnavailable("the bridge packs its answers although it was not asked to")
    if (response.content_length or 0) > limit_bytes:
        raise AnswerTooLarge(f"the bridge answers with more than {limit_bytes} bytes")
    answer = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        answer += chunk
        if len(answer) > limit_bytes:
            raise AnswerTooLarge(f"the bridge answers with more than {limit_bytes} bytes")
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
    if status == 401:
        raise BridgeUnavailable(
            "the bridge refuses us (401): check the user and password or token in auth-file",
            may_have_done_it=False,
        )
    if status == 407:
        raise BridgeUnavailable(_PROXY_REFUSES, may_have_done_it=False)
    if status in _NOT_NOW or status >= 500:
        raise BridgeUnavailable(
            f"the bridge answers {status}",
            _seconds(response.headers.get("Retry-After")),
            may_have_done_it=status >= 500,
        )
    raise BridgeRejected(f"the bridge answers {status} to {path}", status)


_PROXY_REFUSES: Final = "the proxy refuses us (407): put user:password@ into its variable"


def _seconds(retry_after: str | None) -> float:
    if retry_after is not None and retry_after.isascii() and retry_after.isdigit():
        return min(float(retry_after[:9]), 300.0)
    return 0.0


def _reason(err: Exception) -> str:
    """What a person needs of a connection error, in one line, without anybody's secrets."""
    if isinstance(err, aiohttp.ClientHttpProxyError):
        return _PROXY_REFUSES if err.status == 407 else f"the proxy answers {err.status}"
    cause = err.os_error if isinstance(err, aiohttp.ClientConnectorError) else err
    if isinstance(cause, PinMismatch):
        return (
            f"its certificate is not the pinned one, but {cause.sha256.hex()}; either somebody "
            "sits in between, or it was renewed: ask its keeper before you change pin-sha256"
        )
    if isinstance(cause, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted: {printable(cause.verify_message)}; name its CA with "
            "ca-file, or the certificate itself with pin-sha256"
        )
    text = cause.strerror if isinstance(cause, OSError) else None
    if isinstance(cause, ssl.SSLError) or "CERTIFICATE_REQUIRED" in (text or ""):
        return f"TLS fails: {printable(text or str(cause))}; it may want a client-cert"
    if isinstance(cause, ConnectionError) and cause.errno and sys.platform != "win32":
        # asyncio's own text repeats the address; Windows has no name for its sockets' numbers.
        return os.strerror(cause.errno)
    return printable(text or str(cause) or type(cause).__name__)
