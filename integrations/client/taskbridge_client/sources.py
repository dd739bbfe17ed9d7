"""Where the bytes of a picture come from."""

import os

from taskbridge_client.errors import NotAccepted, describe

_CHUNK_BYTES = 64 * 1024


class BytesPicture:
    """A picture in memory."""

    def __init__(self, content):
        self._content = content
        self.size = len(content)

    def chunks(self):
        yield self._content


class FilePicture:
    """A picture on disk, which is read while it is sent."""

    def __init__(self, path):
        self._path = path
        self.size = os.path.getsize(path)

    def chunks(self):
        left = self.size
        try:
            with open(self._path, "rb") as file:
                while left:
                    chunk = file.read(min(_CHUNK_BYTES, left))
                    if not chunk:
                        raise EnvironmentError("it became shorter while it was sent")
                    left -= len(chunk)
                    yield chunk
        except EnvironmentError as err:
            raise NotAccepted("file_missing", "%s: %s" % (self._path, describe(err)))
