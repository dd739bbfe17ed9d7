"""The container's health check: exits with 0 if the program is well, else with 1 and a reason.

A worker touches the file in TASKWORKER_HEARTBEAT every five seconds; its bridge is not asked, for a
restart would not bring that back. Without the file, as in a container that serves a bridge alone,
the bridge on port 42000 has to answer, or the one in `taskbridgeurl` while a worker starts: any
HTTP answer will do. Credentials are not sent, and certificates are left to the worker to check.
"""

import os
import ssl
import sys
import time
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

#: As the sibling workers' containers write it, and as is usual.
_URL_NAMES = ("taskbridgeurl", "TASKBRIDGEURL")
_TIMEOUT_S = 5.0
#: As long as systemd waits for a sign of life.
_LONGEST_SILENCE_S = 60.0


def main() -> None:
    """Looks for the heartbeat, else asks the bridge."""
    heartbeat = os.environ.get("TASKWORKER_HEARTBEAT")
    if not heartbeat or not Path(heartbeat).exists():
        _ask_bridge()
        return
    silence_s = time.time() - Path(heartbeat).stat().st_mtime
    if silence_s > _LONGEST_SILENCE_S:
        sys.exit(f"the worker has given no sign of life for {silence_s:.0f} s")


def _ask_bridge() -> None:
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
