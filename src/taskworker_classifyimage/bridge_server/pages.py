"""The HTML pages with their style sheet, and the OpenAPI document."""

import html
import re
from importlib import resources
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from taskworker_classifyimage import __version__
from taskworker_classifyimage.bridge_server.bodies import check_expectation

#: Hosts that are safe to show: the pages put them into commands to be copied.
_HOST: Final = re.compile(r"[A-Za-z0-9.\-]+(:[0-9]+)?|\[[0-9A-Fa-f:.]+\](:[0-9]+)?")


def make_page_routes() -> list[web.RouteDef]:
    """Reads the pages from the package and returns their routes."""
    calls = _make_handler("api.html", "text/html")
    pages = {
        "/": _make_handler("index.html", "text/html"),
        "/doc/api": calls,
        "/doc/api/": calls,
        "/style.css": _make_handler("style.css", "text/css"),
        "/openapi.json": _make_handler("openapi.json", "application/json"),
    }
    return [
        web.get(path, handler, expect_handler=check_expectation) for path, handler in pages.items()
    ]


def _make_handler(name: str, content_type: str) -> Handler:
    folder = resources.files("taskworker_classifyimage") / "data" / "pages"
    template = (folder / name).read_text(encoding="utf-8").replace("{{version}}", __version__)

    async def show(request: web.Request) -> web.Response:
        host = request.host if _HOST.fullmatch(request.host) else "127.0.0.1"
        text = template.replace("{{host}}", html.escape(host))
        return web.Response(text=text, content_type=content_type)

    return show
