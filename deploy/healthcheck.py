"""The container's health check: exits with 0 if the bridge answers, else with 1 and a reason.

The bridge is the one in the environment's `taskbridgeurl`, or the one that this container serves.
Any HTTP answer will do. Credentials are not sent, and certificates are left to the worker to check.
"""

import os
import ssl
import sys
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

#: As the sibling workers' containers write it, and as is usual.
_URL_NAMES = ("taskbridgeurl", "TASKBRIDGEURL")
_TIMEOUT_S = 5.0


def main() -> None:
    """Asks the bridge for its version, which every release of TaskBridge answers."""
    given = filter(None, map(os.environ.get, _URL_NAMES))
    url = urlsplit(next(given, "http://127.0.0.1:42000/"))
    try:
        with closing(_connect(url.scheme, url.hostname or "", url.port)) as connection:
            connection.request("GET", f"{url.path.rstrip('/')}/api/version")
            connection.getresponse()
    except (OSError, HTTPException, ValueError) as err:
        sys.exit(f"{url.hostname}: {err}")


def _connect(scheme: str, host: str, port: int | None) -> HTTPConnection:
    if scheme != "https":
        return HTTPConnection(host, port, timeout=_TIMEOUT_S)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return HTTPSConnection(host, port, timeout=_TIMEOUT_S, context=context)


if __name__ == "__main__":
    main()
