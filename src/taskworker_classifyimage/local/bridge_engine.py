"""Classifies files of this machine through a bridge: uploads, waits, gathers, removes."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from taskworker_classifyimage.bridge_client.submission import Submission
from taskworker_classifyimage.decode import DecodeLimits
from taskworker_classifyimage.errors import BridgeRejected, DownloadFailed, ErrorCode, TaskGone
from taskworker_classifyimage.local.found import Found
from taskworker_classifyimage.local.reading import Reader, ReadFile, make_row
from taskworker_classifyimage.local.rows import Row
from taskworker_classifyimage.local.run import Hooks
from taskworker_classifyimage.machine import picture_memory_bytes
from taskworker_classifyimage.pipeline.engine import sha256_of
from taskworker_classifyimage.pipeline.memory_budget import MemoryBudget
from taskworker_classifyimage.tasks import ClassifyRequest, Runtime

#: Enough for the workers of a lab, which also wait for the network.
_MOST: Final = 32
#: A task that somebody removes is added again so often.
_MOST_ADDED: Final = 3
_RUNTIME: Final = Runtime("bridge", "", "")


class BridgeEngine:
    """Has files classified by the workers of a bridge; used within one event loop.

    Attributes:
        most: as many pictures at once.
        together: they never wait for each other.
    """

    def __init__(
        self,
        submission: Submission,
        request: ClassifyRequest,
        hooks: Hooks,
    ) -> None:
        """Takes an open bridge.

        Args:
            submission: the bridge.
            request: what is wanted of each picture.
            hooks: `find_equal` is asked first, `notes` remembers the tasks on the bridge.
        """
        self._submission = submission
        self._data: dict[str, object] = {
            "targetlanguage": request.language,
            "numberofpredictions": request.top,
            **({"provenance": True} if request.provenance else {}),
            **({"categories": True} if request.categories else {}),
            **({"synonyms": True} if request.synonyms else {}),
        }
        if request.min_probability is not None:
            # Otherwise the threshold counts that a worker's model may have.
            self._data["minprobability"] = request.min_probability
        self._least = request.least(None)
        self._find_equal, self._notes = hooks.find_equal, hooks.notes
        budget = MemoryBudget(picture_memory_bytes(0))
        limit_bytes = min(DecodeLimits().file_bytes, budget.largest_file_bytes)
        self._reader = Reader(budget, limit_bytes)
        self.most, self.together = _MOST, 1

    async def read(self, found: Sequence[Found]) -> Callable[[], Awaitable[list[Row]]]:
        """Reads files; what is returned has them classified."""
        reads = [await self._reader.read(each) for each in found]

        async def classify() -> list[Row]:
            return [await make_row(read, self._answer, _RUNTIME) for read in reads]

        return classify

    def close(self) -> None:
        """Ends all threads."""
        self._reader.close()

    async def _answer(self, read: ReadFile) -> Mapping[str, object]:
        sha256 = read.sha256 = await asyncio.to_thread(sha256_of, read.encoded)
        if (known := self._find_equal and self._find_equal(sha256)) is not None:
            return known
        for _ in range(_MOST_ADDED):
            try:
                return self._complete(await self._submit(read.encoded))
            except TaskGone:
                continue
            except BridgeRejected as err:
                raise DownloadFailed(f"the bridge refuses it: {err}") from None
        raise DownloadFailed("somebody removes its task from the bridge")

    async def _submit(self, encoded: bytes) -> dict[str, object]:
        task_id = await self._submission.add(encoded, self._data)
        if self._notes is not None:
            self._notes.note_task(task_id)
        try:
            return await self._submission.wait(task_id)
        finally:
            await self._submission.remove(task_id)
            if self._notes is not None:
                self._notes.forget_task(task_id)

    def _complete(self, result: dict[str, object]) -> Mapping[str, object]:
        """What other programs' workers leave out; without what is not wanted."""
        code = {"code": ErrorCode.INTERNAL} if "error" in result else {}
        strong = self._choose(result.get("predictions"))
        for each in strong:
            if "categories" in each:
                each["categories"] = _list_categories(each["categories"])
        more = {}
        if "categories" in result:
            more["categories"] = self._choose(_list_categories(result["categories"]))
        return {**code, **result, "predictions": strong, **more}

    def _choose(self, entries: object) -> list[dict[str, object]]:
        """Those that are probable enough."""
        return [
            each
            for each in (entries if isinstance(entries, list) else ())
            if isinstance(each, dict) and _is_at_least(each.get("probability"), self._least)
        ]


def _is_at_least(probability: object, least: float) -> bool:
    return isinstance(probability, int | float) and probability >= least


def _list_categories(entries: object) -> list[dict[str, object]]:
    """Without entries that are no categories."""
    return [
        each
        for each in (entries if isinstance(entries, list) else ())
        if isinstance(each, dict) and each.keys() >= {"id", "name", "level"}
    ]
