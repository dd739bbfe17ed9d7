"""What the handlers of calls share: routes with and without the last slash, and JSON answers."""

from collections.abc import Sequence
from typing import Final

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from taskworker_classifyimage.bridge_server import bodies

JSON_TYPE: Final = {"Content-Type": "application/json; charset=utf-8"}

#: Method, path without a slash at its end, and what answers.
Calls = Sequence[tuple[str, str, Handler]]


def make_routes(calls: Calls) -> list[web.RouteDef]:
    """Makes routes; every path also works with a slash at its end, as some clients write it."""
    return [
        web.route(method, path + slash, handler, expect_handler=bodies.check_expectation)
        for method, path, handler in calls
        for slash in ("", "/")
    ]


def to_response(value: object) -> web.Response:
    """A value as JSON."""
    return web.Response(body=msgspec.json.encode(value), headers=JSON_TYPE)
