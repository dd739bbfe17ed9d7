"""HTTP to one bridge: authentication, time and size limits, error translation.

The only file of the client that names the HTTP library.
"""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from taskworker_classifyimage.bridge_client.address import BridgeAddress
from taskworker_classifyimage.bridge_client.answers import AnswerTooLarge
from taskworker_classifyimage.bridge_client.file_transfer import FileTransfer
from taskworker_classifyimage.bridge_client.tls import PinMismatch
from taskworker_classifyimage.errors import (
    BridgeRejected,
    BridgeUnavailable,
    connection_reason,
    printable,
)
from taskworker_classifyimage.loopback import is_loopback
from taskworker_classifyimage.proxy import proxy_for

_log = logging.getLogger(__name__)

#: 1.3.0 and 3.1.0 close a connection that was idle for 5 s; a call on it would look like an outage.
_KEEP_ALIVE_S: Final = 4.0
#: Time that closing TLS connections takes in the background.
_TLS_SHUTDOWN_S: Final = 0.1
_CHUNK_BYTES: Final = 2**18
#: Further statuses that time or an operator can change, unlike those that reject the call itself.
_NOT_NOW: Final = frozenset({403, 408, 421, 425, 429})
#: Only the embedded bridge sends this header.
_EXTENSIONS: Final = "TaskBridge-Extensions"
_PROXY_REFUSES: Final = "the proxy refuses us (407): put user:password@ into its variable"


@dataclass(frozen=True, slots=True)
class CallLimits:
    """How long a call may take, and how large an answer may be.

    Attributes:
        connect_s: until the connection is established, TLS included.
        silence_s: without a byte in the middle of an answer.
        call_s: a whole call, apart from downloads of pictures.
        least_bytes_per_s: a download that is slower is given up.
        rate_window_s: for how long it has to be slower.
        json_bytes: size of an answer, apart from pictures and lists of tasks.
        list_bytes: size of a list of tasks; a million tasks have about 250 MB.
    """

    connect_s: float = 10.0
    silence_s: float = 30.0
    call_s: float = 60.0
    least_bytes_per_s: float = 1000.0
    rate_window_s: float = 60.0
    json_bytes: int = 16 * 2**20
    list_bytes: int = 512 * 2**20


class Connection:
    """Calls one bridge, between `open` and `close`.

    Attributes:
        root: the bridge's root URL.
        date: the header Date of the last answer; empty if it had none.
        extensions: what the bridge can do beyond the protocol, as its last answer said.
    """

    def __init__(self, address: BridgeAddress, limits: CallLimits) -> None:
        self._address = address
        self._limits = limits
        self._session: aiohttp.ClientSession | None = None
        self.root = address.url
        self.date = ""
        self.extensions: frozenset[str] = frozenset()

    def open(self) -> None:
        """Makes calls possible; nothing is sent yet."""
        address = self._address
        proxy = proxy_for(address.url)
        uses_tls = address.url.startswith("https:") or (proxy and proxy.scheme == "https")
        _warn_of_risks(address)
        self._session = aiohttp.ClientSession(
            # No limit of connections: the worker limits its calls itself.
            connector=_Connector(
                limit=0,
                keepalive_timeout=_KEEP_ALIVE_S,
                ssl=address.tls.context() if uses_tls else True,
            ),
            headers=_headers(address),
            # An untrusted server must not store anything here.
            cookie_jar=aiohttp.DummyCookieJar(),
            # Compression was not asked for; unpacking a few bytes could fill the memory.
            auto_decompress=False,
            # Looked up once: the library would read the environment and files at every call.
            proxy=proxy,
        )

    async def close(self) -> None:
        """Closes all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None
            if self._address.url.startswith("https:"):
                # See "Graceful shutdown" in the library's manual: it does not wait for this.
                await asyncio.sleep(_TLS_SHUTDOWN_S)

    async def call(
        self,
        method: str,
        path: str,
        content: Mapping[str, object] | aiohttp.FormData | bytes | None = None,
        *,
        limit_bytes: int | None = None,
        total_s: float | None = None,
    ) -> bytes:
        """Makes one call; returns the body of an answer of status 200.

        Args:
            method: HTTP method.
            path: below `/api/`, quoted.
            content: sent as JSON, or a `form`; bytes are JSON already.
            limit_bytes: largest answer; None: `CallLimits.json_bytes`.
            total_s: longest time of the whole call; None: `CallLimits.call_s`.

        Raises:
            AnswerTooLarge: the answer has, or announces, more than `limit_bytes`.
            BridgeUnavailable: trying again later can help.
            BridgeRejected: the bridge will never do this.
        """
        more: dict[str, Any] = {"json": content}
        if isinstance(content, bytes):
            more = {"data": content, "headers": {"Content-Type": "application/json"}}
        elif isinstance(content, aiohttp.FormData):
            more = {"data": content}
        async with self._request(method, path, total_s or self._limits.call_s, **more) as response:
            _check_status(response, path[:100])
            answer = await _read(response, limit_bytes or self._limits.json_bytes)
            _check_no_page(answer)
            return answer

    async def download(self, path: str, transfer: FileTransfer) -> bytes:
        """Downloads a file, or what is missing of it; returns all of it.

        Takes as long as bytes arrive at a rate that is not hopeless, see `CallLimits`.

        Raises:
            AnswerTooLarge: the file is larger than it may be.
            NoRoom: there is no room for it now.
            BridgeUnavailable: trying again later can help.
            BridgeRejected: the bridge will never send it.
        """
        limits, asked = self._limits, transfer.headers()
        async with self._request("GET", path, None, headers=asked) as response:
            if asked and response.status == 416:
                transfer.restart()
                raise BridgeUnavailable("the bridge has less of the file than it sent before")
            if not asked or response.status != 206:
                _check_status(response, path[:100])
            _check_encoding(response)
            transfer.start(response.status, response.headers, response.content_length)
            return await transfer.read(
                response.content.iter_chunked(_CHUNK_BYTES),
                least_bytes_per_s=limits.least_bytes_per_s,
                window_s=limits.rate_window_s,
            )

    @asynccontextmanager
    async def _request(
        self, method: str, path: str, total_s: float | None, **more: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Sends a request; errors of the connection within the block become ours."""
        if self._session is None:
            raise RuntimeError("the connection is not open")
        try:
            async with self._session.request(
                method,
                URL(f"{self.root}/api/{path}", encoded=True),
                # A redirected POST would arrive as a GET, and credentials might go elsewhere.
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    total=total_s,
                    sock_connect=self._limits.connect_s,
                    sock_read=self._limits.silence_s,
                ),
                **more,
            ) as response:
                self.date = response.headers.get("Date", "")
                self.extensions = _parse_extensions(response.headers.get(_EXTENSIONS, ""))
                yield response
                return
        except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError) as err:
            problem, was_sent = _reason(err), False
        except TimeoutError:
            problem, was_sent = "the bridge does not answer in time", True
        except (aiohttp.ClientError, OSError, ValueError) as err:
            problem, was_sent = _reason(err), True
        # Outside the handler: those errors hold the request with our credentials.
        raise BridgeUnavailable(problem, may_have_done_it=was_sent)


class _Connector(aiohttp.TCPConnector):
    """Never reuses a connection on which more than one answer to a call arrived.

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


def _warn_of_risks(address: BridgeAddress) -> None:
    """Warns of risks that the operator's settings take."""
    if not address.tls.is_checked:
        _log.warning(
            "INSECURE: the certificate of %s is NOT CHECKED; anyone on the network path can read "
            "and change everything, including passwords and results",
            address.url,
        )
    if (
        address.credentials
        and address.url.startswith("http:")
        and not is_loopback(urlsplit(address.url).hostname or "")
    ):
        _log.warning("passwords or tokens go to %s UNENCRYPTED; use https", address.url)


@lru_cache(maxsize=16)
def _parse_extensions(header: str) -> frozenset[str]:
    return frozenset(name.strip() for name in header.split(","))


async def _read(response: aiohttp.ClientResponse, limit_bytes: int) -> bytes:
    _check_encoding(response)
    if (response.content_length or 0) > limit_bytes:
        raise AnswerTooLarge(f"the bridge answers with more than {limit_bytes} bytes")
    chunks, size_bytes = [], 0
    async for chunk in response.content.iter_any():
        chunks.append(chunk)
        size_bytes += len(chunk)
        if size_bytes > limit_bytes:
            raise AnswerTooLarge(f"the bridge answers with more than {limit_bytes} bytes")
    return b"".join(chunks)


def _check_no_page(answer: bytes) -> None:
    """A proxy's login page, for example, is no answer, and acknowledges nothing."""
    if answer[:200].lstrip().lower().startswith((b"<!doctype", b"<html")):
        raise BridgeUnavailable(
            "something answers with a web page, such as a proxy that asks for a login",
            may_have_done_it=False,
        )


def _check_encoding(response: aiohttp.ClientResponse) -> None:
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise BridgeUnavailable("the bridge compresses its answers although it was not asked to")


def _check_status(response: aiohttp.ClientResponse, path: str) -> None:
    status = response.status
    if status == 200:
        return
    if 300 <= status < 400:
        target = response.headers.get("Location", "")[:200]
        problem = f"the bridge redirects to {target!r}; give that address as taskbridgeurl"
    elif status == 401:
        problem = "the bridge refuses us (401): check the user and password or token in auth-file"
    elif status == 407:
        problem = _PROXY_REFUSES
    elif status in _NOT_NOW or status >= 500:
        raise BridgeUnavailable(
            f"the bridge answers {status}",
            _seconds(response.headers.get("Retry-After")),
            may_have_done_it=status >= 500,
        )
    else:
        raise BridgeRejected(f"the bridge answers {status} to {path}", status)
    raise BridgeUnavailable(problem, may_have_done_it=False)


def _seconds(retry_after: str | None) -> float:
    if retry_after is not None and retry_after.isascii() and retry_after.isdigit():
        return min(float(retry_after[:9]), 300.0)
    return 0.0


def _reason(err: Exception) -> str:
    """One line about a connection error, for people, without secrets."""
    if isinstance(err, aiohttp.ClientHttpProxyError):
        return _PROXY_REFUSES if err.status == 407 else f"the proxy answers {err.status}"
    cause = err.os_error if isinstance(err, aiohttp.ClientConnectorError) else err
    if isinstance(cause, PinMismatch):
        return (
            f"its certificate is not the pinned one, but {cause.sha256.hex()}; either somebody "
            "intercepts the connection, or it was renewed: ask its operator before you change "
            "pin-sha256"
        )
    if isinstance(cause, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted: {printable(cause.verify_message)}; name its CA with "
            "ca-file, or the certificate itself with pin-sha256"
        )
    reason = connection_reason(cause)
    if isinstance(cause, ssl.SSLError) or "CERTIFICATE_REQUIRED" in reason:
        return f"TLS fails: {reason}; the bridge may require a client-cert"
    return reason
