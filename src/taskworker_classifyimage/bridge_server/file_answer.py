"""The answer that sends a large file."""

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter


class FileAnswer(web.FileResponse):
    """Is sent once: the HTTP library would send it again after the middleware, and fail."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Sends the file, unless that is done."""
        return None if self.prepared else await super().prepare(request)
