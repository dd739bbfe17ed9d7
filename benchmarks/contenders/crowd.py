"""A crowd at a bridge: pages that listen to its events, and clients that wait for a task's end.

    python crowd.py URL --streams N --statuses N

Prints "ready" when all of them have their first answer or wait. After a line on standard input it
prints what became of them as JSON, and ends.
"""

import argparse
import asyncio
import json
import sys
from collections import Counter
from urllib.parse import urlsplit

from harness.api import Api

_TYPE = "crowd"
_WAIT_S = 30
#: So many connections begin at once; more would wait in the system's queue.
_STEP = 50


class Crowd:
    """Connections of two kinds; counts what happens to them."""

    def __init__(self, host: str, port: int, streams: int) -> None:
        self._host, self._port, self._streams = host, port, streams
        self.all_listen = asyncio.Event()
        self.counts = Counter[str]()
        self.listening = 0

    async def listen(self) -> None:
        """Reads events until the stream ends, which it should not."""
        reader, _ = await self._ask("/api/events/")
        self.listening += 1
        if self.listening == self._streams:
            self.all_listen.set()
        try:
            while chunk := await reader.read(2**16):
                self.counts["event_bytes"] += len(chunk)
        except OSError:
            pass
        self.listening -= 1
        self.counts["ended_streams"] += 1

    async def wait_for_end(self, task_id: str) -> None:
        """Asks for the status of a task that nobody completes, and again after each answer."""
        while True:
            try:
                reader, writer = await self._ask(f"/api/tasks/status/{task_id}/?wait={_WAIT_S}")
                answer = await reader.read()
                writer.close()
            except OSError:
                answer = b""
            is_right = b" 200 " in answer[:20] and b'"inprogress"' in answer
            self.counts["answers" if is_right else "wrong_answers"] += 1

    async def _ask(self, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        writer.write(head.encode())
        return reader, writer


async def run(url: str, streams: int, statuses: int) -> None:
    """Keeps the crowd there until somebody writes a line."""
    parts = urlsplit(url)
    crowd = Crowd(parts.hostname or "localhost", parts.port or 80, streams)
    task_ids = _tasks_in_progress(url, statuses)
    calls = [crowd.listen() for _ in range(streams)]
    calls += [crowd.wait_for_end(task_id) for task_id in task_ids]
    tasks = []
    for first in range(0, len(calls), _STEP):
        tasks += [asyncio.create_task(call) for call in calls[first : first + _STEP]]
        await asyncio.sleep(0.05)
    await crowd.all_listen.wait()
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    print(json.dumps({**crowd.counts, "streams": crowd.listening}), flush=True)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def _tasks_in_progress(url: str, count: int) -> list[str]:
    api = Api(url)
    for _ in range(count):
        api.add(b"", task_type=_TYPE)
    return [api.take(_TYPE) for _ in range(count)]


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("url")
    parser.add_argument("--streams", type=int, required=True)
    parser.add_argument("--statuses", type=int, required=True)
    options = parser.parse_args()
    asyncio.run(run(options.url, options.streams, options.statuses))


if __name__ == "__main__":
    main()
