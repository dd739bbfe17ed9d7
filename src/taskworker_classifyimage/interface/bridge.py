"""A small client of a TaskBridge: submits pictures, waits for their results."""

import asyncio
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypedDict, Unpack

from taskworker_classifyimage.bridge_client.address import BridgeAddress
from taskworker_classifyimage.bridge_client.client import BridgeClient as Connection
from taskworker_classifyimage.bridge_client.credentials import Credentials
from taskworker_classifyimage.bridge_client.submission import Submission
from taskworker_classifyimage.bridge_client.tls import Tls
from taskworker_classifyimage.errors import BadRequest, BridgeRejected, ConfigError, TaskGone
from taskworker_classifyimage.interface.loop_thread import LoopThread
from taskworker_classifyimage.interface.result import Result
from taskworker_classifyimage.tasks import TASK_TYPE, parse_request

#: Results that are waited for at once.
_AT_ONCE: Final = 32

#: What the options are called in a task's data.
_KEYS: Final = {
    "language": "targetlanguage",
    "top": "numberofpredictions",
    "min_probability": "minprobability",
    "categories": "categories",
    "synonyms": "synonyms",
}


class Wanted(TypedDict, total=False):
    """What is wanted of each result; what is left out or None, the worker decides.

    Attributes:
        language: of the names, a BCP 47 tag such as "de".
        top: number of predictions, 1 to 1000.
        min_probability: leaves out less probable classes and categories, 0 to 1.
        categories: whether results say to which categories a picture belongs.
        synonyms: whether predictions have WordNet's English synonyms.
    """

    language: str | None
    top: int | None
    min_probability: float | None
    categories: bool | None
    synonyms: bool | None


class BridgeClient:
    """Has pictures classified by the workers of a TaskBridge; outages are waited for.

    May be used from several threads at once. The first call connects, or `with`; `close` ends it.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        **wanted: Unpack[Wanted],
    ) -> None:
        """Connects to nothing yet.

        Args:
            url: of the bridge, such as "http://127.0.0.1:42000/", with user and password if needed.
            token: of the bridge, if it wants one.
            ca_file: certificate of the CA that signed the bridge's certificate, PEM.
            wanted: of each result, see `Wanted`.

        Raises:
            ConfigError: a value is wrong.
        """
        if unknown := wanted.keys() - _KEYS.keys():
            raise TypeError(f"there is no option {min(unknown)!r}")
        data = {_KEYS[key]: value for key, value in wanted.items()}
        self._data = {key: value for key, value in data.items() if value is not None}
        try:
            parse_request(self._data)
        except BadRequest as err:
            raise ConfigError(str(err)) from None
        credentials = None if token is None else Credentials.bearer(token)
        tls = Tls(ca_file=None if ca_file is None else Path(ca_file))
        self._address = BridgeAddress.parse(url).secured(tls, credentials)
        self._loop = LoopThread("BridgeClient")
        self._connection: Connection | None = None
        self._submission: Submission | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        err: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def submit(self, picture: str | os.PathLike[str] | bytes) -> str:
        """Adds a picture; returns its task's id.

        Args:
            picture: the path of a file, or its bytes.

        Raises:
            OSError: the file cannot be read.
            ValueError: the bridge does not take it; the message says why.
        """
        encoded = picture if isinstance(picture, bytes) else Path(picture).read_bytes()
        try:
            return self._loop.submit(self._add(encoded)).result()
        except BridgeRejected as err:
            raise ValueError(f"the bridge refuses the picture: {err}") from None

    def wait(self, task_id: str, timeout_s: float | None = None) -> Result:
        """Waits for a result, and removes its task from the bridge.

        Args:
            task_id: from `submit`.
            timeout_s: longest wait, in seconds; None: as long as it takes.

        Raises:
            TimeoutError: there is no result yet; the task stays.
            LookupError: the bridge does not know the task.
        """
        return self._loop.submit(self._wait(task_id, timeout_s)).result()

    def results(self, task_ids: Iterable[str]) -> Iterator[tuple[str, Result]]:
        """Waits for many results; gives each as soon as it is there, with its task's id.

        Arguments and errors are as for `wait`.
        """
        remaining, waiting = iter(task_ids), dict[Future[Result], str]()
        try:
            while True:
                while len(waiting) < _AT_ONCE and (task_id := next(remaining, None)) is not None:
                    waiting[self._loop.submit(self._wait(task_id, None))] = task_id
                if not waiting:
                    return
                for done in wait(waiting, return_when=FIRST_COMPLETED).done:
                    yield waiting.pop(done), done.result()
        finally:
            for future in waiting:
                future.cancel()

    def remove(self, task_id: str) -> None:
        """Removes a task from the bridge, done or not, if it is still there."""
        self._loop.submit(self._remove(task_id)).result()

    def close(self) -> None:
        """Ends the connection; a later call connects again."""
        if self._loop.is_running:
            self._loop.submit(self._disconnect()).result()
            self._loop.close()

    async def _connect(self) -> Submission:
        if self._submission is None:
            self._connection = await Connection(self._address).__aenter__()
            self._submission = Submission(self._connection, TASK_TYPE)
        return self._submission

    async def _disconnect(self) -> None:
        connection, self._connection, self._submission = self._connection, None, None
        if connection is not None:
            await connection.__aexit__()

    async def _add(self, encoded: bytes) -> str:
        return await (await self._connect()).add(encoded, self._data)

    async def _wait(self, task_id: str, timeout_s: float | None) -> Result:
        submission = await self._connect()
        try:
            async with asyncio.timeout(timeout_s):
                result = await submission.wait(task_id)
        except (TaskGone, BridgeRejected) as err:
            raise LookupError(f"task {task_id}: {err}") from None
        await submission.remove(task_id)
        return Result.from_json(result)

    async def _remove(self, task_id: str) -> None:
        with suppress(TaskGone):
            await (await self._connect()).remove(task_id)
