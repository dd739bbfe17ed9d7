"""What is served for people and their tools: two pages, their style, and the calls as OpenAPI."""

import html
import re
from importlib import resources
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from taskworker_classifyimage import __version__

#: What may stand in a Host header; a page shows it inside commands to be copied.
_HOST: Final = re.compile(r"[A-Za-z0-9.\-]+(:[0-9]+)?|\[[0-9A-Fa-f:.]+\](:[0-9]+)?")


def page_routes() -> list[web.RouteDef]:
    """The routes of all pages; reads the pages from the package."""
    overview, calls = _page("index.html", "text/html"), _page("api.html", "text/html")
    return [
        web.get("/", overview),
        web.get("/doc/api", calls),
        web.get("/doc/api/", calls),
        web.get("/style.css", _page("style.css", "text/css")),
        web.get("/openapi.json", _page("openapi.json", "application/json")),
    ]


def _page(name: str, content_type: str) -> Handler:
    folder = resources.files("taskworker_classifyimage") / "data" / "pages"
    template = (folder / name).read_text(encoding="utf-8").replace("{{version}}", __version__)

    async def show(request: web.Request) -> web.Response:
        host = request.host if _HOST.fullmatch(request.host) else "127.0.0.1"
        text = template.replace("{{host}}", html.escape(host))
        return web.Response(text=text, content_type=content_type)

    return show
