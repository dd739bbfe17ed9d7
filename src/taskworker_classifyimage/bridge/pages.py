"""The two pages for people: what this server is, and how each call is made."""

import base64
import hashlib
import html
import re
from importlib import resources
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from taskworker_classifyimage import __version__

_STYLE: Final = re.compile(r"<style>(.*?)</style>", re.DOTALL)
#: What may stand in a Host header; a page shows it inside commands to be copied.
_HOST: Final = re.compile(r"[A-Za-z0-9.\-]+(:[0-9]+)?|\[[0-9A-Fa-f:.]+\](:[0-9]+)?")


def page_routes() -> list[web.RouteDef]:
    """The routes of all pages; reads the pages from the package."""
    overview, calls = _page("index.html"), _page("api.html")
    return [
        web.get("/", overview),
        web.get("/doc/api", calls),
        web.get("/doc/api/", calls),
    ]


def _page(name: str) -> Handler:
    folder = resources.files("taskworker_classifyimage") / "data" / "pages"
    template = (folder / name).read_text(encoding="utf-8").replace("{{version}}", __version__)
    headers = {
        "Content-Security-Policy": _policy(template),
        "Referrer-Policy": "no-referrer",
        "X-Frame-Options": "DENY",
        "Cache-Control": "no-cache",
    }

    async def show(request: web.Request) -> web.Response:
        host = request.host if _HOST.fullmatch(request.host) else "127.0.0.1"
        text = template.replace("{{host}}", html.escape(host))
        return web.Response(text=text, content_type="text/html", headers=headers)

    return show


def _policy(template: str) -> str:
    """Allow nothing but the page's own style, which is known by its hash."""
    hashes = (
        base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        for style in _STYLE.findall(template)
    )
    styles = " ".join(f"'sha256-{value}'" for value in hashes)
    return (
        f"default-src 'none'; style-src {styles}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
