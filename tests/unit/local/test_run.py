import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence

import pytest

from taskworker_classifyimage.errors import DeviceFailed
from taskworker_classifyimage.local.found import Found
from taskworker_classifyimage.local.rows import Row
from taskworker_classifyimage.local.run import classify_all, collect

GOOD: dict[str, object] = {"predictions": []}


class Engine:
    """Classifies each file when its time has come; notes how many are in work at once."""

    most, together = 4, 3

    def __init__(self, events: dict[str, asyncio.Event] | None = None) -> None:
        self._events = events or {}
        self.begun: list[str] = []
        self.groups: list[int] = []
        self.most_at_once = self._at_once = 0

    async def read(self, found: Sequence[Found]) -> Callable[[], Awaitable[list[Row]]]:
        self.begun += [each.path for each in found]
        self.groups.append(len(found))
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)

        async def classify() -> list[Row]:
            for each in found:
                if each.path in self._events:
                    await self._events[each.path].wait()
                if each.path == "broken device":
                    raise DeviceFailed("the device is broken")
            await asyncio.sleep(0)
            self._at_once -= 1
            return [Row(each.path, GOOD) for each in found]

        return classify


def files(*paths: str) -> Iterator[Found]:
    return (Found(path) for path in paths)


def test_rows_come_in_order_and_no_more_than_a_few_files_are_in_work() -> None:
    engine, paths = Engine(), [str(number) for number in range(500)]
    rows = asyncio.run(collect(engine, files(*paths), lambda _: None))
    assert [row.path for row in rows] == paths
    assert engine.most_at_once <= engine.most


def test_small_files_are_classified_in_groups_after_the_first_ones() -> None:
    """Large files, and those of unknown size, alone."""
    sizes = [10] * 60 + [None, 10, 10, 2**20, 10, 10, 10, 10]
    found = [Found(str(number), size) for number, size in enumerate(sizes)]
    engine = Engine()
    rows = asyncio.run(collect(engine, iter(found), lambda _: None))
    assert [row.path for row in rows] == [each.path for each in found]
    assert engine.groups[: 4 * engine.most] == [1] * (4 * engine.most)
    assert max(engine.groups) == engine.together
    assert sum(engine.groups) == len(sizes)


def test_a_slow_file_stops_neither_the_others_nor_their_order() -> None:
    """Others are classified meanwhile; their rows wait for it."""

    async def run() -> None:
        slow = asyncio.Event()
        engine = Engine({"slow": slow})
        paths = ["0", "slow", *map(str, range(1, 50))]
        written: list[str] = []

        def write(rows: Sequence[Row]) -> None:
            written.extend(row.path for row in rows)

        running = asyncio.create_task(classify_all(engine, files(*paths), write, asyncio.Event()))
        while len(engine.begun) < len(paths) or not written:  # noqa: ASYNC110 - two things
            await asyncio.sleep(0.001)
        assert written == ["0"]
        slow.set()
        await running
        assert written == paths

    asyncio.run(asyncio.wait_for(run(), 30))


def test_a_stop_writes_what_is_done_and_waits_for_nothing() -> None:
    async def run() -> None:
        never, stop = asyncio.Event(), asyncio.Event()
        engine = Engine({"slow": never})
        paths = ["slow", *map(str, range(50))]
        written: list[str] = []
        running = asyncio.create_task(
            classify_all(
                engine,
                files(*paths),
                lambda rows: written.extend(row.path for row in rows),
                stop,
            )
        )
        while len(engine.begun) < len(paths):  # noqa: ASYNC110 - a list
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.01)
        stop.set()
        await running
        assert written == paths[1:]

    asyncio.run(asyncio.wait_for(run(), 30))


def test_a_device_that_fails_ends_the_run_after_what_came_before_it() -> None:
    written: list[str] = []
    found = files("0", "1", "broken device", *map(str, range(2, 100)))
    with pytest.raises(DeviceFailed):
        asyncio.run(collect(Engine(), found, lambda rows: written.extend(row.path for row in rows)))
    assert written[:2] == ["0", "1"]


def test_a_writer_that_fails_ends_the_run() -> None:
    def fail(_rows: Sequence[Row]) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        asyncio.run(classify_all(Engine(), files("0", "1"), fail, asyncio.Event()))


def test_a_walk_that_fails_ends_the_run() -> None:
    def walk() -> Iterator[Found]:
        yield Found("0")
        raise ValueError("a fault")

    with pytest.raises(ValueError, match="a fault"):
        asyncio.run(collect(Engine(), walk(), lambda _: None))


def test_a_member_of_an_archive_is_read_before_the_next_one_is_asked_for() -> None:
    """An archive that is a stream cannot go back."""
    asked: list[str] = []
    engine = Engine()

    def members() -> Iterator[Found]:
        for number in range(20):
            assert len(engine.begun) == number, "the one before is not read yet"
            asked.append(str(number))
            yield Found(str(number), open_member=lambda: pytest.fail("not opened here"))

    rows = asyncio.run(collect(engine, members(), lambda _: None))
    assert [row.path for row in rows] == asked
