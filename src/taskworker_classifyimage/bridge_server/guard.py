"""Refuses callers that may not use the bridge.

There are three checks, each against another attack. The token keeps people out. The `Host` header
reveals a web page whose server name resolves to this machine (DNS rebinding). `Sec-Fetch-Site` and
`Origin` reveal a page of another server that calls from an authorised user's browser.
"""

import base64
import hmac
import re
from typing import Final

from aiohttp import web

from taskworker_classifyimage.bridge_server.access import ANY_ORIGIN, Access
from taskworker_classifyimage.bridge_server.forwarded import find_caller
from taskworker_classifyimage.bridge_server.origins import is_of_host, parse_origin

_LOCAL_HOST: Final = re.compile(
    r"(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE
)
_FOREIGN_NAME: Final = (
    "call this bridge as localhost or 127.0.0.1, name its address behind a proxy with"
    " --bridge-origins, or give it a token"
)
#: An origin that can be shown as it is.
_PLAIN: Final = re.compile(r"[A-Za-z0-9.:/\[\]-]{1,200}")
_PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Content-Type, Authorization",
    "Access-Control-Max-Age": "86400",
}
#: Makes a browser ask for user and password once; the password is the token, the user is ignored.
_ASK: Final = 'Basic realm="TaskBridge", charset="UTF-8"'
#: For the bridge's own page, which asks by itself.
_SEND: Final = 'Bearer realm="TaskBridge"'
#: What the page consists of; it holds no secret, and has to ask for the token.
_PAGES: Final = ("/", "/style.css", "/doc/api", "/doc/api/", "/openapi.json")


class Guard:
    """Checks each call before anything else sees it."""

    def __init__(self, access: Access) -> None:
        self._token = access.token.encode() if access.token is not None else None
        self._proxies = access.proxies
        self._allows_any = ANY_ORIGIN in access.origins
        self._origins = frozenset(filter(None, map(parse_origin, access.origins)))
        # A page that rebinds a name to this machine does not know the token.
        self._checks_host = access.is_local and access.token is None

    @property
    def needs_token(self) -> bool:
        """Whether callers must send a token."""
        return self._token is not None

    def check(self, request: web.Request) -> None:
        """Lets a call pass, or raises the HTTP error that answers it."""
        headers = request.headers
        if self._checks_host and not self._is_own_name(headers.get("Host", "localhost")):
            raise web.HTTPMisdirectedRequest(text=_FOREIGN_NAME)
        if request.path.startswith("/api/") and self._is_foreign(request):
            raise _refuse_page(request)
        is_open = not self.needs_token or request.method == "OPTIONS" or _is_page(request)
        if not is_open and not self.is_token(find_token(request)):
            raise web.HTTPUnauthorized(
                text="this bridge requires a token", headers=_name_scheme(request)
            )

    def is_token(self, sent: bytes) -> bool:
        """Whether this is the token that callers must send."""
        return self._token is not None and hmac.compare_digest(sent, self._token)

    def answer_preflight(self, request: web.Request) -> web.Response:
        """Answers a browser that asks whether a page of another server may call."""
        if self._find_allowed_origin(request) is None:
            raise _refuse_page(request)
        return web.Response(status=204, headers=_PREFLIGHT)

    def add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        """Tells the browser which other server's page may read the response."""
        if self._allows_any or self._origins:
            response.headers["Vary"] = "Origin"
            origin = self._find_allowed_origin(request)
            if origin is not None:
                response.headers["Access-Control-Allow-Origin"] = origin

    def _find_allowed_origin(self, request: web.Request) -> str | None:
        if self._allows_any:
            return ANY_ORIGIN
        origin = request.headers.get("Origin")
        return origin if origin and parse_origin(origin) in self._origins else None

    def _is_own_name(self, host: str) -> bool:
        """Whether `Host` is a name of this machine or, behind a proxy, one that was named.

        Never `X-Forwarded-Host`: a page that rebinds its name can send it.
        """
        if _LOCAL_HOST.fullmatch(host):
            return True
        return any(is_of_host(origin, host) for origin in self._origins)

    def _is_foreign(self, request: web.Request) -> bool:
        """Whether the call comes from a page of a server that is not allowed to call."""
        if self._find_allowed_origin(request) is not None:
            return False
        site = request.headers.get("Sec-Fetch-Site")
        if site is not None:
            return site not in ("same-origin", "none")
        # Browsers before 2023 do not send Sec-Fetch-Site.
        sent = request.headers.get("Origin")
        if sent is None:
            return False
        origin = parse_origin(sent)
        # A page of another server cannot send X-Forwarded-Host without a preflight.
        hosts = (request.host, find_caller(request, self._proxies).host)
        return origin is None or not any(is_of_host(origin, host) for host in hosts)


def find_token(request: web.Request) -> bytes:
    """The token from `Bearer TOKEN`, or the password from `Basic`; empty if there is none."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        # Bytes that are not UTF-8 arrive as surrogates.
        return value.strip().encode(errors="surrogateescape")
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value.strip(), validate=True).partition(b":")[2]
        except ValueError:
            return b""
    return b""


def _refuse_page(request: web.Request) -> web.HTTPForbidden:
    origin = request.headers.get("Origin", "")
    named = origin if parse_origin(origin) is not None and _PLAIN.fullmatch(origin) else ""
    return web.HTTPForbidden(
        text=f"pages of {named or 'other servers'} may not call this bridge; to let them, start it"
        f" with --bridge-origins {named or 'URL'}",
        # So that the page can show it.
        headers={"Access-Control-Allow-Origin": "*"},
    )


def _is_page(request: web.Request) -> bool:
    is_read = request.method in ("GET", "HEAD")
    return is_read and (request.path in _PAGES or request.path.startswith("/page/"))


def _name_scheme(request: web.Request) -> dict[str, str]:
    """The scheme in which the caller has tried; a browser shows no dialog for `Bearer`."""
    tried = request.headers.get("Authorization", "").partition(" ")[0].lower()
    return {"WWW-Authenticate": _SEND if tried == "bearer" else _ASK}
