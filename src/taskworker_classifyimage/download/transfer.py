"""One HTTP request for a file, or for the rest of one; what goes wrong is told in words."""

import base64
import binascii
import re
import ssl
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage, HTTPResponse
from typing import IO, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

#: Longest wait for a connection, and longest silence after that.
_SILENCE_S: Final = 30.0
_CHUNK_BYTES: Final = 2**18
#: Statuses that time mends.
_NOT_NOW: Final = frozenset({408, 425, 429})

_CONTENT_RANGE: Final = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18})")

#: What http.client makes of a proxy's 407 to CONNECT; other statuses may pass by themselves.
_NO_TUNNEL: Final = re.compile(r"Tunnel connection failed: 407\b")


class Interrupted(Exception):
    """The transfer broke off; going on later can help."""


class Unreachable(Interrupted):
    """No server answered at all."""


class Refused(Exception):
    """Asking again cannot help."""


@dataclass(frozen=True, slots=True)
class Version:
    """Which state of the file the server has, as far as it says.

    Attributes:
        validator: for `If-Range`: a strong ETag, or else the date of the last change.
        size_bytes: of the whole file.
        md5: of the whole file, hexadecimal.
    """

    validator: str | None = None
    size_bytes: int | None = None
    md5: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The server's answer, before its body is read.

    Attributes:
        start_bytes: where in the file the body begins; 0 although the rest was asked for if the
            server cannot give a rest, or has another version by now.
        version: of the file that the body is of.
    """

    start_bytes: int
    version: Version
    response: HTTPResponse

    def chunks(self) -> Iterator[bytes]:
        """The body, as it comes.

        Raises:
            Interrupted: it ended too early.
        """
        try:
            while chunk := self.response.read1(_CHUNK_BYTES):
                yield chunk
        except (OSError, HTTPException) as err:
            raise Interrupted(_reason(err)) from None
        if self.response.length:
            raise Interrupted("the server cut the connection")


@contextmanager
def ask(url: str, have_bytes: int, version: Version) -> Iterator[Answer]:
    """Asks for a file, from `have_bytes` on if the server still has that version of it.

    Raises:
        Interrupted, Unreachable: trying again later can help.
        Refused: it cannot.
    """
    answer = _ask_rest(url, have_bytes, version) if have_bytes and version.validator else None
    answer = answer or _whole(_open(url, {}))
    with answer.response:
        yield answer


def _ask_rest(url: str, have_bytes: int, version: Version) -> Answer | None:
    """None if the server does not understand."""
    headers = {"Range": f"bytes={have_bytes}-", "If-Range": version.validator or ""}
    try:
        response = _open(url, headers)
    except _RangeRefused:
        return None
    if response.status == 200:
        return _whole(response)
    if _continues(response, have_bytes, version):
        return Answer(have_bytes, version, response)
    response.close()
    return None


def _continues(response: HTTPResponse, have_bytes: int, version: Version) -> bool:
    """Whether the body is what follows on the first `have_bytes` of that version."""
    place = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if response.status != 206 or place is None or int(place[1]) != have_bytes:
        return False
    is_same = _validator(response.headers) in (version.validator, None)
    return is_same and version.size_bytes in (int(place[2]), None)


def _whole(response: HTTPResponse) -> Answer:
    if response.status != 200 or response.headers.get("Content-Encoding", "identity") != "identity":
        response.close()
        raise Refused(f"the server does not give the plain file (status {response.status})")
    return Answer(0, _version(response), response)


def _version(response: HTTPResponse) -> Version:
    return Version(_validator(response.headers), response.length, _md5(response.headers))


def _validator(headers: HTTPMessage) -> str | None:
    # A weak ETag may stay the same while bytes change.
    etag = headers.get("ETag", "")
    return etag if etag.startswith('"') else headers.get("Last-Modified")


def _md5(headers: HTTPMessage) -> str | None:
    """The MD5 in the `x-goog-hash` of Google Cloud Storage, "crc32c=BASE64,md5=BASE64".

    One header or several: https://cloud.google.com/storage/docs/xml-api/reference-headers
    """
    for each in ",".join(headers.get_all("x-goog-hash", [])).split(","):
        name, _, encoded = each.strip().partition("=")
        if name == "md5":
            try:
                return base64.b64decode(encoded, validate=True).hex()
            except binascii.Error:
                return None
    return None


class _RangeRefused(Refused):
    """There is no such rest."""


def _open(url: str, headers: Mapping[str, str]) -> HTTPResponse:
    try:
        request = urllib.request.Request(  # noqa: S310 - the opener knows no scheme but these two
            url,
            headers={
                "User-Agent": "taskworker-classifyimage",
                "Accept-Encoding": "identity",
                **headers,
            },
        )
        response = _opener().open(request, timeout=_SILENCE_S)
    except HTTPError as err:
        with err:
            raise _refusal(err.code) from None
    except (OSError, HTTPException) as err:
        cause = err.reason if isinstance(err, URLError) else err
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise Refused(
                f"the certificate of {urlsplit(url).hostname} is not trusted "
                f"({cause.verify_message}); where a proxy looks into TLS, let SSL_CERT_FILE name "
                "a file with its CA"
            ) from None
        if _NO_TUNNEL.match(str(cause)):
            raise _refusal(407) from None
        raise Unreachable(f"{urlsplit(url).hostname} cannot be reached: {_reason(cause)}") from None
    except ValueError as err:
        raise Refused(f"that is no address: {err}") from None
    assert isinstance(response, HTTPResponse)  # noqa: S101 - for these two schemes it is
    return response


def _refusal(status: int) -> Exception:
    if status == 416:
        return _RangeRefused("the server answers 416")
    if status in _NOT_NOW or status >= 500:
        return Interrupted(f"the server answers {status}")
    if status in (404, 410):
        return Refused(f"there is no such file any more ({status}); a newer release may know where")
    if status == 407:
        return Refused("the proxy wants a password; put user:password@ into https_proxy")
    if 300 <= status < 400:
        return Refused(f"it is redirected ({status}) in circles, or to what is no http or https")
    return Refused(f"the server answers {status}")


def _opener() -> urllib.request.OpenerDirector:
    """Knows http, https and the proxies of the environment, and no files, FTP or data URLs."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        _Redirects(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a server to http and https, and never from https back to http."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        scheme = urlsplit(newurl).scheme
        allowed = ("https",) if urlsplit(req.full_url).scheme == "https" else ("http", "https")
        if scheme not in allowed:
            fp.close()
            raise Refused(f"it is redirected to {scheme}, which is not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _reason(err: BaseException | str) -> str:
    if isinstance(err, TimeoutError):
        return f"nothing came for {_SILENCE_S:.0f} s"
    text = err.strerror if isinstance(err, OSError) else None
    return " ".join((text or str(err) or type(err).__name__).split())[:200]
