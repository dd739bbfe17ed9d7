"""The client that all integrations share, with a real bridge and a real worker."""

import ast
import json
import os
import random
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.certificates import Authority
from support.faults import (
    bad_gateway_afterwards,
    cut_answer,
    cut_at,
    cut_request,
    fail,
    refuse,
    too_many,
)
from support.gateways import TlsFront
from support.in_process import BridgeOnFolder, serving
from support.other_pythons import QUICK_JAVA, jython_program, python39_program
from support.programs import ROOT
from support.proxy import Exchange, FaultyProxy, pass_on
from support.raw_http import whole_answer
from support.small_worker import small_worker
from support.working import coloured_picture
from taskbridge_client.calls import Bridge
from taskbridge_client.patience import Patience
from taskbridge_client.pictures import Pictures
from taskbridge_client.results import Answers, classes
from taskbridge_client.settings import read_properties
from taskbridge_client.sources import BytesPicture, FilePicture
from taskbridge_client.tls import Tls
from taskworker_classifyimage.bridge_server.limits import Limits

CLIENT = ROOT / "integrations" / "client"
NAMES = {"red": "red thing", "green": "green thing", "blue": "blue thing"}
DATA = {"targetlanguage": "en", "numberofpredictions": 1}


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[BridgeOnFolder]:
    with serving(tmp_path / "bridge") as served:
        yield served


def some_pictures(count: int) -> list[tuple[str, bytes]]:
    """The name of each one's class, and its bytes."""
    source = random.Random(2)
    return [
        (NAMES[best], content) for best, content in (coloured_picture(source) for _ in range(count))
    ]


def classify(pictures: Pictures, wanted: list[tuple[str, bytes]]) -> list[str]:
    """The class of each, or the code of its error."""
    found: dict[int, str] = {}

    def take(at_least: int) -> None:
        for key, result in pictures.finished(at_least):
            assert key not in found
            found[key] = result.get("code") or classes(result)[0][0]

    for key, (_, content) in enumerate(wanted):
        if pictures.is_full():
            take(1)
        pictures.add(key, BytesPicture(content))
    take(len(wanted))
    pictures.close()
    return [found[key] for key in range(len(wanted))]


@pytest.mark.parametrize(
    "python",
    [
        lambda: sys.executable,
        python39_program,
        pytest.param(jython_program, marks=pytest.mark.large),
    ],
    ids=["this", "3.9", "jython"],
)
def test_it_runs_on_the_pythons_of_other_programs(
    python: Callable[[], str], bridge: BridgeOnFolder, tmp_path: Path
) -> None:
    """Pictures in files with odd names, in memory, and one that is none."""
    folder, wanted = tmp_path / "Bilder für Übung", {"broken.bmp": "unsupported_format"}
    folder.mkdir()
    (folder / "broken.bmp").write_text("no picture")
    for number, (name, content) in enumerate(some_pictures(30)):
        (folder / f"{number} ä.bmp").write_bytes(content)
        wanted[f"{number} ä.bmp"] = name
    program = ROOT / "tests" / "support" / "jython" / "classify_folder.py"
    command = [python(), str(program), str(CLIENT), bridge.url, str(folder)]
    with small_worker(bridge.url):
        ended = subprocess.run(
            command,
            env={**os.environ, **QUICK_JAVA},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == wanted
    assert bridge.listed() == []


@pytest.mark.parametrize(
    "path",
    [*sorted(CLIENT.rglob("*.py")), *(ROOT / "integrations").glob("iped/*.py")],
    ids=lambda path: path.name,
)
def test_the_source_is_python_3_9(path: Path) -> None:
    """Also where there is no such Python to run it."""
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))


def test_bridges_that_do_not_wait_are_asked_again(bridge: BridgeOnFolder) -> None:
    """As the real ones: more often at first, and not for every picture each time."""
    wanted = some_pictures(60)

    def choose(exchange: Exchange) -> Callable[[Exchange], None]:
        query = "?wait=0" if exchange.step == "status" else ""
        return lambda each: each.answer(each.forward(query))

    with FaultyProxy(bridge.url, choose) as proxy, small_worker(bridge.url):
        pictures = Pictures(Bridge(proxy.url), DATA)
        assert classify(pictures, wanted) == [name for name, _ in wanted]
        assert proxy.steps["add"] == proxy.steps["result"] == proxy.steps["remove"] == 60
        assert proxy.steps["status"] < 60 * 8


@pytest.mark.parametrize(
    "fault", [refuse, cut_request, cut_answer, fail, too_many, bad_gateway_afterwards]
)
def test_a_network_that_fails_now_and_then_loses_no_picture(
    bridge: BridgeOnFolder, fault: Callable[[Exchange], None]
) -> None:
    """Calls are repeated; a task whose `add` was cut off may stay on the bridge."""
    wanted, chance = some_pictures(30), random.Random(6)

    def choose(_exchange: Exchange) -> Callable[[Exchange], None]:
        return fault if chance.random() < 0.2 else pass_on

    with FaultyProxy(bridge.url, choose) as proxy, small_worker(bridge.url):
        assert classify(Pictures(Bridge(proxy.url), DATA), wanted) == [name for name, _ in wanted]


def test_an_answer_that_is_cut_off_anywhere_is_asked_for_again(bridge: BridgeOnFolder) -> None:
    """A header without its end is still a header to Python's library."""
    _, content = some_pictures(1)[0]

    def choose(exchange: Exchange) -> Callable[[Exchange], None]:
        return cut_at(sizes.pop()) if exchange.step == "status" and sizes else pass_on

    sizes: list[int] = []
    with FaultyProxy(bridge.url, choose) as proxy:
        client = Bridge(proxy.url)
        task_id = client.add(BytesPicture(content), DATA)
        for size in range(len(whole_answer(200)) + 1):
            sizes.append(size)
            assert client.status(task_id, 0) == "open"
            assert not sizes
        client.close()


def test_a_bridge_that_comes_back_is_waited_for(bridge: BridgeOnFolder) -> None:
    wanted = some_pictures(20)
    with FaultyProxy(bridge.url, lambda _: pass_on) as proxy, small_worker(bridge.url):
        proxy.go_down()

        def come_back() -> None:
            proxy.is_down = False

        timer = threading.Timer(0.5, come_back)
        timer.start()
        pictures = Pictures(Bridge(proxy.url), DATA)
        assert classify(pictures, wanted) == [name for name, _ in wanted]
        timer.join()


def test_a_bridge_that_is_gone_costs_its_patience_once(bridge: BridgeOnFolder) -> None:
    """All pictures are given up; it is called once for each after the patience is over."""
    wanted = some_pictures(40)
    with FaultyProxy(bridge.url, lambda _: pass_on) as proxy:
        proxy.go_down()
        pictures = Pictures(Bridge(proxy.url, patience=Patience(0.2)), DATA)
        assert set(classify(pictures, wanted)) == {"unreachable"}
        assert len(proxy.arrivals_s) < 40 + 8


def test_pictures_that_nobody_answers_are_given_up(bridge: BridgeOnFolder) -> None:
    """And removed; with a worker the others are answered again."""
    patience = Patience(time_limit_s=0.3)
    pictures = Pictures(Bridge(bridge.url, patience=patience), DATA, 5, patience)
    wanted = some_pictures(10)
    assert classify(pictures, wanted) == ["unanswered"] * 10
    assert bridge.listed() == []
    assert patience.limit_s() < 0.01
    patience.answered(True)
    assert patience.limit_s() == 0.3


def test_a_task_that_the_bridge_has_lost_is_sent_again(bridge: BridgeOnFolder) -> None:
    wanted = some_pictures(10)
    lost: set[str] = set()

    def choose(exchange: Exchange) -> Callable[[Exchange], None]:
        if exchange.step == "status" and len(lost) < 5:
            lost.add(exchange.task_id)
        if exchange.task_id in lost:
            return lambda each: each.answer(whole_answer(404))
        return pass_on

    with FaultyProxy(bridge.url, choose) as proxy, small_worker(bridge.url):
        assert classify(Pictures(Bridge(proxy.url), DATA), wanted) == [name for name, _ in wanted]
    assert len(lost) == 5


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (whole_answer(200, b"<html>"), "refused"),
        (whole_answer(200, b"[]"), "refused"),
        (whole_answer(200, b'{"id": "../../x"}'), "refused"),
        (whole_answer(200, b'{"id": null}'), "refused"),
        (whole_answer(301, b"", "Location: https://elsewhere/"), "refused"),
        (whole_answer(404), "refused"),
        (whole_answer(401), "refused"),
        (whole_answer(413), "too_large"),
        (b"no HTTP\r\n\r\n", "unreachable"),
        (b"", "unreachable"),
    ],
)
def test_servers_that_are_no_bridge_are_told(
    bridge: BridgeOnFolder, answer: bytes, code: str
) -> None:
    def choose(_exchange: Exchange) -> Callable[[Exchange], None]:
        return lambda each: each.answer(answer) if answer else each.cut()

    with FaultyProxy(bridge.url, choose) as proxy:
        pictures = Pictures(Bridge(proxy.url, patience=Patience(0)), DATA)
        assert classify(pictures, some_pictures(2)) == [code, code]


def test_a_file_that_the_bridge_refuses_is_too_large(tmp_path: Path) -> None:
    """The answer is read although the bridge has not read all of the file."""
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(30_000_000)
    with serving(tmp_path / "bridge", Limits(upload_bytes=1_000_000)) as bridge:
        pictures = Pictures(Bridge(bridge.url), DATA)
        pictures.add(1, FilePicture(str(path)))
        ((_, result),) = pictures.finished(1)
    assert result["code"] == "too_large"


def test_files_are_sent_without_being_held_in_memory(
    bridge: BridgeOnFolder, tmp_path: Path
) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(50_000_000)
    client = Bridge(bridge.url)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        task = client.add(FilePicture(str(path)), DATA)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    client.close()
    assert (bridge.folder / "files").stat()
    assert bridge.status(task) == "open"
    assert peak - before < 20_000_000  # the bridge's own work in this process included


def test_a_file_that_shrinks_while_it_is_sent_is_told(
    bridge: BridgeOnFolder, tmp_path: Path
) -> None:
    """And the connection, on which the bridge waits for the rest, is given up."""
    path = tmp_path / "shrinking"
    path.write_bytes(b"x" * 100)
    picture = FilePicture(str(path))
    path.write_bytes(b"x" * 10)
    pictures = Pictures(Bridge(bridge.url), DATA)
    pictures.add(1, picture)
    ((_, result),) = pictures.finished(1)
    assert result["code"] == "file_missing"
    assert bridge.listed() == []


def test_a_bridge_is_known_by_an_authority_of_its_own(
    bridge: BridgeOnFolder, tmp_path: Path
) -> None:
    """And with no other; the user and password of the address are sent."""
    ours, other = Authority(tmp_path, "ours"), Authority(tmp_path, "other")
    wanted = some_pictures(3)
    # "lab:s3cret" in Base64.
    with TlsFront(bridge.url, "Basic bGFiOnMzY3JldA==", ours.server()) as front:
        url = front.url.replace("//", "//lab:s3cret@")
        with small_worker(bridge.url):
            pictures = Pictures(Bridge(url, "unused", Tls(str(ours.file))), DATA)
            assert classify(pictures, wanted) == [name for name, _ in wanted]
        for tls in (Tls(str(other.file)), Tls()):
            assert classify(Pictures(Bridge(url, None, tls), DATA), wanted[:1]) == ["refused"]
        assert front.refused == 0


def test_old_answers_make_room_for_new_ones() -> None:
    answers = Answers(3)
    for number in range(4):
        answers.keep(f"hash{number}", {"predictions": number})
        answers.find("hash0")
    assert [bool(answers.find(f"hash{number}")) for number in range(4)] == [True, False, True, True]
    answers.keep("", {"predictions": 1})
    assert answers.find("") is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["name", "class", "probability", "x"]), inner)
        ),
    )
)
def test_results_of_any_shape_have_classes_or_none(anything: Any) -> None:
    """A worker may be anybody's."""
    for name, class_id, percent in classes({"predictions": [anything, anything]}):
        assert isinstance(name, str)
        assert isinstance(class_id, str)
        assert 0 <= percent <= 100


@given(
    st.dictionaries(
        st.text(st.characters(categories=["L", "N"]), min_size=1),
        st.text(st.characters(exclude_categories=["C", "Z"])),
    )
)
def test_properties_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, wanted: dict[str, str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "properties"
    lines = [f" {key} ={text} " for key, text in wanted.items()]
    path.write_text("\n".join(["# a = b", "", "nothing", *lines]), encoding="utf-8")
    assert read_properties(str(path)) == wanted
