"""One HTTP request for a file, or for the rest of one."""

import base64
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import aiohttp
from yarl import URL

from taskworker_classifyimage.download.part_file import Version
from taskworker_classifyimage.errors import TransferInterrupted, TransferRefused, connection_reason
from taskworker_classifyimage.proxy import proxy_for

_MOST_REDIRECTS: Final = 10
#: Statuses below 500 that may be different on a later try.
_NOT_NOW: Final = frozenset({408, 425, 429})
_PROXY_REFUSES: Final = "the proxy wants a password; put user:password@ into https_proxy"
_GONE: Final = "the file is no longer there; a newer release may know where it is"
_REASONS: Final = {404: _GONE, 407: _PROXY_REFUSES, 410: _GONE}


@asynccontextmanager
async def request(
    url: str, have_bytes: int, version: Version, silence_s: float
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Asks for a file, from `have_bytes` on if the server still has that version of it.

    Gives an answer of status 206 with the rest, or of status 200 with the whole file.

    Raises:
        TransferInterrupted: trying again later can help.
        TransferRefused: trying again cannot help.
    """
    headers = {"User-Agent": "taskworker-classifyimage", "Accept-Encoding": "identity"}
    if have_bytes and version.validator and version.size_bytes:
        headers |= {"Range": f"bytes={have_bytes}-", "If-Range": version.validator}
    async with (
        aiohttp.ClientSession(
            # The library makes its own context on import, before SSL_CERT_FILE may be set.
            connector=aiohttp.TCPConnector(ssl=ssl.create_default_context()),
            timeout=aiohttp.ClientTimeout(total=None, connect=silence_s, sock_read=silence_s),
            headers=headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        ) as session,
        await _get(session, url) as response,
    ):
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise TransferRefused("the server does not give the plain file")
        yield response


async def _get(session: aiohttp.ClientSession, url: str) -> aiohttp.ClientResponse:
    """The answer behind all redirects, of status 200, 206 or 416."""
    for _ in range(_MOST_REDIRECTS):
        try:
            # Each address has its own proxy, or none.
            response = await session.get(url, proxy=proxy_for(url), allow_redirects=False)
            target = response.url.join(URL(response.headers.get("Location", "")))
        except (aiohttp.ClientError, OSError, ValueError) as err:
            raise _translate(err, url) from None
        status = response.status
        if status in (200, 206, 416):
            return response
        response.close()
        if status in _NOT_NOW or status >= 500:
            raise TransferInterrupted(f"the server answers {status}")
        if status not in (301, 302, 303, 307, 308):
            raise TransferRefused(_REASONS.get(status, f"the server answers {status}"))
        if target.scheme not in ("https", response.url.scheme):
            raise TransferRefused(f"it is redirected to {target.scheme}, which is not allowed")
        url = str(target)
    raise TransferRefused(f"it is redirected more than {_MOST_REDIRECTS} times")


async def read_chunk(answer: aiohttp.ClientResponse) -> bytes:
    """The next bytes of an answer as they arrive, none at its end.

    Raises:
        TransferInterrupted: it ended too early.
    """
    try:
        return await answer.content.readany()
    except (aiohttp.ClientError, OSError) as err:
        raise TransferInterrupted(_reason(err)) from None


def version_of(answer: aiohttp.ClientResponse) -> Version:
    """Which version of the file an answer holds as a whole.

    Google Cloud Storage gives the MD5 in one header or several, "crc32c=BASE64,md5=BASE64":
    https://cloud.google.com/storage/docs/xml-api/reference-headers
    """
    md5 = re.search(
        r"\bmd5=([A-Za-z0-9+/]{22}==)", ",".join(answer.headers.getall("x-goog-hash", []))
    )
    # A weak ETag may stay the same while bytes change.
    etag = answer.headers.get("ETag", "")
    return Version(
        validator=etag if etag.startswith('"') else answer.headers.get("Last-Modified"),
        size_bytes=answer.content_length,
        md5=base64.b64decode(md5[1]).hex() if md5 else None,
    )


def continues(answer: aiohttp.ClientResponse, have_bytes: int, version: Version) -> bool:
    """Whether an answer holds exactly what follows the first bytes of that version."""
    size_bytes = version.size_bytes or 0
    return answer.headers.get(
        "Content-Range"
    ) == f"bytes {have_bytes}-{size_bytes - 1}/{size_bytes}" and version_of(answer).validator in (
        version.validator,
        None,
    )


def _translate(err: Exception, url: str) -> TransferInterrupted | TransferRefused:
    """What went wrong before there was an answer."""
    host = URL(url).host
    cause = err.os_error if isinstance(err, aiohttp.ClientConnectorError) else err
    if isinstance(cause, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return TransferRefused("that is not a web address")
    if isinstance(cause, aiohttp.ClientHttpProxyError) and cause.status == 407:
        return TransferRefused(_PROXY_REFUSES)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return TransferRefused(
            f"the certificate of {host} is not trusted ({cause.verify_message}); if a proxy "
            "inspects TLS, let SSL_CERT_FILE name a file with its CA"
        )
    return TransferInterrupted(
        f"{host} cannot be reached: {_reason(cause)}; check the network and https_proxy",
        was_reached=False,
    )


def _reason(err: Exception) -> str:
    if isinstance(err, TimeoutError):
        return "nothing arrived in time"
    if isinstance(err, aiohttp.ClientPayloadError | aiohttp.ServerDisconnectedError):
        return "the server cut the connection"
    return connection_reason(err)
