"""A worker in a container with little memory, and more and larger pictures than fit into it."""

import io
import random
from pathlib import Path

from PIL import Image

from support import bombs
from support.memory_group import memory_group
from support.packs import IDS
from support.programs import COMMAND, Program, RunningBridge
from support.small_worker import small_flags
from support.working import coloured_picture

MIB = 2**20


def bitmap(mib: int, number: int) -> tuple[str, bytes]:
    """A BMP of that size, unlike all others, and the id that `colour_network` has for it."""
    colour = [100, 100, 100]
    colour[number % 3] += 100
    buffer = io.BytesIO()
    side = 2048
    Image.new("RGB", (side, mib * MIB // (3 * side)), tuple(colour)).save(buffer, "BMP")
    return IDS[number % 3], buffer.getvalue() + b"%d" % number


def test_pictures_that_do_not_fit_together_are_done_one_after_the_other(
    running_bridge: RunningBridge, tmp_path: Path
) -> None:
    """Every one is right, small ones too, and the kernel kills nothing."""
    api, source = running_bridge.api, random.Random(1)
    pictures = [bitmap(25, number) for number in range(6)]
    pictures += [coloured_picture(source) for _ in range(5)]
    truths = {api.add({}, picture): truth for truth, picture in pictures}
    with memory_group(300 * MIB) as group:
        command = group.command(COMMAND)
        flags = ("--taskbridgeurl", running_bridge.url, "--state", str(tmp_path / "state"))
        with Program("work", *flags, *small_flags(), command=command):
            for task_id, truth in truths.items():
                result = api.wait_for_result(task_id)
                assert "error" not in result
                assert result["predictions"][0]["class"] == truth
        assert group.kills == 0


def test_what_can_never_fit_is_too_large_and_says_what_it_needs(
    running_bridge: RunningBridge, tmp_path: Path
) -> None:
    """Whether the file is large, or decodes to something large."""
    api = running_bridge.api
    large, bomb = api.add({}, bitmap(200, 1)[1]), api.add({}, bombs.png(12_000, 12_000))
    small = api.add({}, coloured_picture(random.Random(2))[1])
    with memory_group(300 * MIB) as group:
        flags = ("--taskbridgeurl", running_bridge.url, "--state", str(tmp_path / "state"))
        with Program("work", *flags, *small_flags(), command=group.command(COMMAND)):
            for task_id, message in ((large, "the file has more than"), (bomb, "decoding needs")):
                result = api.wait_for_result(task_id)
                assert result["code"] == "too_large"
                assert message in result["error"]
            assert "error" not in api.wait_for_result(small)
        assert group.kills == 0
