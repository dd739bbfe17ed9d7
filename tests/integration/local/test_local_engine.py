"""Many small files at once with the real model and real decoders."""

import asyncio
from pathlib import Path

from PIL import Image

from support.pools import real_pool
from support.waiting import LONG_S
from taskworker_classifyimage.classify.loader import load_classifier
from taskworker_classifyimage.local.engine import LocalEngine
from taskworker_classifyimage.local.found import Found
from taskworker_classifyimage.local.rows import Row
from taskworker_classifyimage.local.run import collect
from taskworker_classifyimage.sample import SAMPLE
from taskworker_classifyimage.tasks import ClassifyRequest


def test_equal_pictures_in_many_groups_wait_for_each_other_without_end(tmp_path: Path) -> None:
    """Groups and single files compute the same few pictures; a large one lies between them."""
    small = [_write(tmp_path / f"{side}.png", side) for side in (8, 9, 10)]
    large = Found(str(SAMPLE), 2**20)
    found = [large if number % 50 == 0 else small[number % 3] for number in range(400)]
    rows = asyncio.run(asyncio.wait_for(_classify(found), LONG_S))
    assert [row.path for row in rows] == [each.path for each in found]
    assert {row.status for row in rows} == {"ok"}


def test_what_cannot_be_read_or_decoded_costs_a_group_only_its_own_row(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(SAMPLE.read_bytes()[:400])
    (tmp_path / "text.jpg").write_bytes(b"text")
    odd = [Found(str(tmp_path / name), 400) for name in ("broken.jpg", "gone.jpg", "text.jpg")]
    found = [_write(tmp_path / f"{side}.png", side) for side in range(8, 108)]
    for at, each in zip((60, 70, 71), odd, strict=True):
        found.insert(at, each)
    rows = asyncio.run(asyncio.wait_for(_classify(found), LONG_S))
    assert [row.path for row in rows] == [each.path for each in found]
    codes = {Path(row.path).name: row.code for row in rows if row.code is not None}
    assert codes == {
        "broken.jpg": "damaged",
        "gone.jpg": "file_missing",
        "text.jpg": "unsupported_format",
    }


async def _classify(found: list[Found]) -> list[Row]:
    with real_pool() as pool:
        engine = LocalEngine(load_classifier("EfficientNetLite0"), pool, ClassifyRequest())
        try:
            return await collect(engine, iter(found), lambda _: None)
        finally:
            engine.close()


def _write(path: Path, side: int) -> Found:
    Image.new("RGB", (side, side), (side, 0, 0)).save(path)
    return Found(str(path), path.stat().st_size)
