"""What browsers read: the page with its files, the explanation of the calls, and class names.

None of it is secret, so none of it needs the token; what the page shows, it asks for by calls.
"""

import html
import re
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from taskworker_classifyimage import __version__
from taskworker_classifyimage.bridge_server.access import Network
from taskworker_classifyimage.bridge_server.bodies import check_expectation
from taskworker_classifyimage.bridge_server.forwarded import find_caller

#: Of a page: its own scripts, and pictures that it has read or that the user has chosen.
PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

#: Hosts that are safe to show: the pages put them into commands to be copied.
_HOST: Final = re.compile(r"[A-Za-z0-9.\-]+(:[0-9]+)?|\[[0-9A-Fa-f:.]+\](:[0-9]+)?")
_TYPES: Final = {
    "css": "text/css",
    "html": "text/html",
    "js": "text/javascript",
    "json": "application/json",
    "svg": "image/svg+xml",
}


def make_page_routes(proxies: tuple[Network, ...]) -> list[web.RouteDef]:
    """Reads the pages from the package and returns their routes; `proxies`: see `Access`."""
    calls = _show_template("api.html", proxies)
    pages: dict[str, Handler] = {
        "/": _show_template("index.html", proxies),
        "/doc/api": calls,
        "/doc/api/": calls,
        "/style.css": _show_template("style.css", proxies),
        "/openapi.json": _show_template("openapi.json", proxies),
        "/page/languages.json": _list_languages,
        "/page/names/{language}.json": _show_names,
    }
    pages |= {f"/page/{each.name}": _show_file(each) for each in (_folder() / "page").iterdir()}
    return [
        web.get(path, handler, expect_handler=check_expectation) for path, handler in pages.items()
    ]


def make_missing_page(request: web.Request, proxies: tuple[Network, ...]) -> web.Response:
    """The 404 for a person whose browser asks for a page; `proxies`: see `Access`."""
    text = _fill(_read("missing.html"), request, proxies)
    return web.Response(text=text, status=404, content_type="text/html")


def wants_page(request: web.Request) -> bool:
    """Whether a person's browser asks for a page to show, not a program for data.

    Java's programs accept HTML as well, but not XHTML, as every browser does that follows a link.
    """
    accepted = request.headers.get("Accept", "")
    return request.method in ("GET", "HEAD") and "application/xhtml+xml" in accepted


def lead_to_view(request: web.Request, proxies: tuple[Network, ...], view: str) -> web.Response:
    """Leads a person's browser to a view of the page; `proxies`: see `Access`."""
    prefix = find_caller(request, proxies).prefix
    return web.Response(status=303, headers={"Location": f"{prefix}/#{view}"})


def _show_template(name: str, proxies: tuple[Network, ...]) -> Handler:
    template, content_type = _read(name), _type_of(name)

    async def show(request: web.Request) -> web.Response:
        text = _fill(template, request, proxies)
        return web.Response(
            text=text, content_type=content_type, headers={"Content-Security-Policy": PAGE_POLICY}
        )

    return show


def _show_file(path: Traversable) -> Handler:
    content, content_type = path.read_bytes(), _type_of(path.name)

    async def show(request: web.Request) -> web.Response:  # noqa: ARG001
        return web.Response(body=content, content_type=content_type, charset="utf-8")

    return show


async def _list_languages(request: web.Request) -> web.Response:  # noqa: ARG001
    from taskworker_classifyimage.classify.labels import (  # noqa: PLC0415 - imports NumPy
        find_label_files,
    )

    return _to_json(find_label_files().languages)


async def _show_names(request: web.Request) -> web.Response:
    from taskworker_classifyimage.classify.categories import (  # noqa: PLC0415 - as below
        category_names,
    )
    from taskworker_classifyimage.classify.labels import (  # noqa: PLC0415 - imports NumPy
        find_label_files,
    )

    language, labels = request.match_info["language"], find_label_files()
    if language not in labels.languages:
        raise web.HTTPNotFound(text="there are no names in this language")
    names = {"classes": labels.names(language), "categories": category_names(language)}
    return _to_json(names)


def _fill(template: str, request: web.Request, proxies: tuple[Network, ...]) -> str:
    caller = find_caller(request, proxies)
    host = caller.host if _HOST.fullmatch(caller.host) else "127.0.0.1"
    text = template.replace("{{root}}", f"{caller.scheme}://{html.escape(host)}{caller.prefix}")
    text = text.replace("{{prefix}}", caller.prefix)
    # In the OpenAPI document.
    return text.replace('"url": "/"', f'"url": "{caller.prefix}/"')


@cache
def _read(name: str) -> str:
    return (_folder() / name).read_text(encoding="utf-8").replace("{{version}}", __version__)


def _folder() -> Traversable:
    return resources.files("taskworker_classifyimage") / "data" / "pages"


def _type_of(name: str) -> str:
    return _TYPES[name.rpartition(".")[2]]


def _to_json(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")
