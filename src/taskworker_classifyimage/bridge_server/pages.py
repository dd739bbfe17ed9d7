"""The HTML pages with their style sheet, and the OpenAPI document."""

import html
import re
from importlib import resources
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from taskworker_classifyimage import __version__
from taskworker_classifyimage.bridge_server.access import Network
from taskworker_classifyimage.bridge_server.bodies import check_expectation
from taskworker_classifyimage.bridge_server.forwarded import find_caller

#: Hosts that are safe to show: the pages put them into commands to be copied.
_HOST: Final = re.compile(r"[A-Za-z0-9.\-]+(:[0-9]+)?|\[[0-9A-Fa-f:.]+\](:[0-9]+)?")


def make_page_routes(proxies: tuple[Network, ...]) -> list[web.RouteDef]:
    """Reads the pages from the package and returns their routes; `proxies`: see `Access`."""
    calls = _make_handler("api.html", "text/html", proxies)
    pages = {
        "/": _make_handler("index.html", "text/html", proxies),
        "/doc/api": calls,
        "/doc/api/": calls,
        "/style.css": _make_handler("style.css", "text/css", proxies),
        "/openapi.json": _make_handler("openapi.json", "application/json", proxies),
    }
    return [
        web.get(path, handler, expect_handler=check_expectation) for path, handler in pages.items()
    ]


def _make_handler(name: str, content_type: str, proxies: tuple[Network, ...]) -> Handler:
    folder = resources.files("taskworker_classifyimage") / "data" / "pages"
    template = (folder / name).read_text(encoding="utf-8").replace("{{version}}", __version__)

    async def show(request: web.Request) -> web.Response:
        caller = find_caller(request, proxies)
        host = caller.host if _HOST.fullmatch(caller.host) else "127.0.0.1"
        text = template.replace("{{root}}", f"{caller.scheme}://{html.escape(host)}{caller.prefix}")
        text = text.replace("{{prefix}}", caller.prefix)
        # In the OpenAPI document.
        text = text.replace('"url": "/"', f'"url": "{caller.prefix}/"')
        return web.Response(text=text, content_type=content_type)

    return show
