"""The task for IPED, in a stand-in for IPED with a real bridge and worker; its installer."""

import json
import random
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from support.certificates import self_signed
from support.gateways import TlsFront
from support.in_process import serving
from support.iped import Iped, Item
from support.other_pythons import python39_program
from support.programs import ROOT, RunningBridge, worker
from support.small_worker import small_worker
from support.working import coloured_picture
from taskworker_classifyimage.bridge_server.access import Access
from taskworker_classifyimage.sample import SAMPLE

IPED = ROOT / "integrations" / "iped"
NAMES = {"red": "Rotes", "green": "Grünes", "blue": "Blaues"}
PREFIX = "image:classification:"

#: As IPED 4.3 has them, shortened: two byte order marks, comments, tasks before and after.
FILES = {
    "IPEDConfig.txt": "\ufeff\ufeff# Settings\r\n\r\nenableHash = true\r\nenableQRCode = false",
    "LocalConfig.txt": "# en, pt-BR\r\nlocale = de-DE\r\n",
    "conf/TaskInstaller.xml": """<?xml version="1.0" encoding="UTF-8"?>
<!-- Processing Task Installer. -->
<tasks>
    <!--<task class="iped.engine.task.RemoteImageClassifierTask"></task>-->
    <task class="iped.engine.task.HashTask"></task>
    <task class="iped.engine.task.ParsingTask"></task>
    <task class="iped.engine.task.ImageThumbTask"></task> <!--see issue #100-->
    <task script="NSFWNudityDetectTask.py"></task>

    <!--Carving must be installed before IndexTask-->
    <task class="iped.engine.task.carver.CarverTask"></task>
</tasks>
""",
    "conf/AIFiltersConfig.json": """{
"name": "AI Root",
"children":[

    {"name": "Detected Faces", "prefix": "Face", "property": "face\\\\_count", "children":[
        {"name": "1"}
    ]}

]}
""",
    "profiles/triage/conf/TaskInstaller.xml": "<tasks>\n</tasks>\n",
}


def run_installer(folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-B", str(IPED / "install.py"), str(folder), *flags],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def tree(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def changed_settings(folder: Path, **settings: object) -> None:
    path = folder / "conf" / "ImageClassification.txt"
    lines = [f"{name} = {text}" for name, text in settings.items()]
    path.write_text("\n".join([path.read_text("utf-8"), *lines]), "utf-8")


@pytest.fixture
def empty_iped(tmp_path: Path) -> Path:
    folder = tmp_path / "IPED"
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    (folder / "scripts" / "tasks").mkdir(parents=True)
    return folder


@pytest.fixture
def iped(empty_iped: Path, running_bridge: RunningBridge) -> Path:
    """IPED with the task, which calls the bridge and classifies small files as well."""
    assert run_installer(empty_iped).returncode == 0
    settings = {"taskBridgeUrl": running_bridge.url, "skipSize": 0, "patience": 1}
    changed_settings(empty_iped, **settings)
    return empty_iped


@pytest.fixture(scope="module")
def folder_of_pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture
def pictures(folder_of_pictures: Path) -> list[tuple[Item, str]]:
    """40 items with the name that each has to get."""
    source = random.Random(8)
    found = []
    for number in range(40):
        best, content = coloured_picture(source)
        path = folder_of_pictures / f"{number}.bmp"
        path.write_bytes(content)
        found.append((Item(number, path), NAMES[best]))
    return found


def check(pictures: list[tuple[Item, str]]) -> None:
    for item, name in pictures:
        attributes = item.attributes
        assert attributes[f"{PREFIX}status"] == "success", attributes
        assert attributes[f"{PREFIX}bestclass"] == name
        assert attributes[f"{PREFIX}classes"][0] == name
        assert attributes[f"{PREFIX}score"] == pytest.approx(
            100 * attributes[f"{PREFIX}probability"]
        )


@pytest.mark.parametrize(("old", "threads"), [(False, 1), (False, 3), (True, 3)])
def test_every_item_is_classified_and_sent_on_once(
    iped: Path,
    running_bridge: RunningBridge,
    pictures: list[tuple[Item, str]],
    old: bool,
    threads: int,
) -> None:
    """Items of other kinds too; the end of the queue comes last; the bridge is left empty."""
    other = Item(100, media_type="application/pdf")
    items = [item for item, _ in pictures] + [other]
    program = Iped(iped, old=old)
    with small_worker(running_bridge.url):
        sent = program.run(items, threads)
    numbers = sorted(item.number for each in sent for item in each[:-1])
    assert numbers == sorted(item.number for item in items)
    assert all(each[-1].isQueueEnd() for each in sent)
    check(pictures)
    assert other.attributes == {}
    assert program.configurables == [("enableImageClassification", "ImageClassification.txt")]
    assert program.log.lines == []
    assert running_bridge.api.tasks() == []


def test_what_goes_wrong_leaves_a_mark(
    iped: Path, running_bridge: RunningBridge, pictures: list[tuple[Item, str]], tmp_path: Path
) -> None:
    """On a file that is no picture; the others are as if there was nothing."""
    text = tmp_path / "text"
    text.write_text("no picture")
    broken = Item(200, text)
    program = Iped(iped)
    with small_worker(running_bridge.url):
        program.run([broken, *(item for item, _ in pictures)])
    check(pictures)
    assert broken.attributes == {
        f"{PREFIX}status": "failNoResults",
        f"{PREFIX}error": "unsupported_format",
    }
    (line,) = program.log.lines
    assert line.startswith(f"WARN ImageClassificationTask: {text}: ")


def test_a_file_that_cannot_be_read_leaves_a_mark(
    iped: Path, running_bridge: RunningBridge, tmp_path: Path
) -> None:
    gone = Item(1, tmp_path / "gone")
    gone.getLength = lambda: 1  # type: ignore[method-assign] # as IPED knows it from the disk image
    Iped(iped).run([gone])
    assert gone.attributes[f"{PREFIX}error"] == "file_missing"
    assert running_bridge.api.tasks() == []


def test_formats_that_only_iped_reads_are_sent_as_its_thumbnail(
    iped: Path, running_bridge: RunningBridge, tmp_path: Path
) -> None:
    """Or everything, with `source = thumbnail`."""
    best, thumb = coloured_picture(random.Random(1))
    drawing = tmp_path / "drawing.wmf"
    drawing.write_bytes(b"a drawing")
    with small_worker(running_bridge.url):
        first = Item(1, drawing, "image/wmf", thumb=thumb)
        Iped(iped).run([first])
        changed_settings(iped, source="thumbnail")
        second = Item(2, tmp_path / "never read", "image/wmf", thumb=thumb)
        second.getLength = lambda: 9  # type: ignore[method-assign] # as above
        Iped(iped).run([second])
    check([(first, NAMES[best]), (second, NAMES[best])])


def test_equal_files_are_classified_once(
    iped: Path, running_bridge: RunningBridge, pictures: list[tuple[Item, str]]
) -> None:
    """Side by side, and much later; files without a hash are left alone, as the published task."""
    (one, name), (without, _) = pictures[:2]
    without.facts["hash"] = None
    twins = [Item(number, one.path, hash=one.getHash()) for number in range(100, 140)]
    with small_worker(running_bridge.url) as worker:
        Iped(iped).run([without, *twins, *(item for item, _ in pictures[2:]), one])
        worker.stop()
    check([(item, name) for item in (*twins, one)])
    assert without.attributes == {}
    assert f" {len(pictures) - 1} classified" in worker.printed


def test_items_that_a_later_task_finds_are_classified_too(
    iped: Path, running_bridge: RunningBridge, pictures: list[tuple[Item, str]]
) -> None:
    """A carver does so while the item before is being sent on."""
    found = iter([item for item, _ in pictures[20:]])

    def find_more(_item: Item, process: object) -> None:
        item = next(found, None)
        if item is not None:
            process(item)  # type: ignore[operator]

    with small_worker(running_bridge.url):
        (sent,) = Iped(iped).run([item for item, _ in pictures[:20]], find_more=find_more)
    check(pictures)
    assert sorted(item.number for item in sent[:-1]) == list(range(40))


@pytest.mark.parametrize(
    ("settings", "facts", "status"),
    [
        ({"skipSize": 10**6}, {}, "skippedSize"),
        ({}, {"metadata": {"image:Width": "20", "image:Height": "300"}}, "skippedDimension"),
        ({}, {"attributes": {"hashDb:status": "known"}}, "skippedHashDB"),
    ],
)
def test_what_is_not_classified_says_why(
    iped: Path,
    pictures: list[tuple[Item, str]],
    settings: dict[str, object],
    facts: dict[str, Any],
    status: str,
) -> None:
    changed_settings(iped, **settings)
    item = Item(1, pictures[0][0].path, **facts)
    Iped(iped).run([item])
    assert item.attributes[f"{PREFIX}status"] == status


@pytest.mark.parametrize(
    ("settings", "code", "message"),
    [
        ({"taskBridgeUrl": "http://127.0.0.1:9/"}, "unreachable", "the bridge at 127.0.0.1 is"),
        ({"timeLimit": 1}, "unanswered", "no worker has answered in 1 s"),
        ({"taskBridgeUrl": "nonsense"}, "settings", "taskBridgeUrl: nonsense is no address"),
        ({"threshold": "much"}, "settings", "threshold is 'much', but has to be a number from 0"),
        ({"source": "both"}, "settings", "source has to be original or thumbnail"),
        ({"tokenFile": "/no/such/file"}, "settings", "tokenFile: "),
        ({"caFile": "/no/such/file"}, "settings", "caFile: /no/such/file: "),
        ({"validateSSL": "maybe"}, "settings", "validateSSL is 'maybe', but has to be true or"),
    ],
)
def test_nothing_of_the_bridge_or_the_settings_stops_iped(
    iped: Path,
    pictures: list[tuple[Item, str]],
    settings: dict[str, object],
    code: str,
    message: str,
) -> None:
    """Every picture is marked and sent on, and the log says why, once."""
    changed_settings(iped, **settings)
    program = Iped(iped)
    items = [item for item, _ in pictures[:20]]
    (sent,) = program.run(items)
    assert len(sent) == len(items) + 1
    assert {item.attributes[f"{PREFIX}error"] for item in items} == {code}
    (line,) = program.log.lines
    assert line.startswith("ERROR ImageClassificationTask: ")
    assert message in line


def test_a_wrong_token_is_told(tmp_path: Path, iped: Path) -> None:
    with serving(tmp_path / "locked", access=Access(token="the right one")) as bridge:
        changed_settings(iped, taskBridgeUrl=bridge.url, token="another")
        item = Item(1, tmp_path / "x.bmp")
        (tmp_path / "x.bmp").write_bytes(b"BM")
        program = Iped(iped)
        program.run([item])
    assert item.attributes[f"{PREFIX}error"] == "refused"
    assert "check the token" in program.log.lines[0]


def test_a_token_and_a_pinned_certificate(
    iped: Path, running_bridge: RunningBridge, pictures: list[tuple[Item, str]], tmp_path: Path
) -> None:
    """The token is in a file; with another fingerprint nothing is sent."""
    tls, fingerprint = self_signed(tmp_path)
    (tmp_path / "token").write_text("secret of the lab\n")
    with (
        TlsFront(running_bridge.url, "Bearer secret of the lab", tls) as front,
        small_worker(running_bridge.url),
    ):
        changed_settings(
            iped,
            taskBridgeUrl=front.url,
            tokenFile=tmp_path / "token",
            certificateSha256=fingerprint,
        )
        Iped(iped).run([item for item, _ in pictures])
        check(pictures)
        changed_settings(iped, certificateSha256="00" * 32)
        other = Item(500, pictures[0][0].path)
        program = Iped(iped)
        program.run([other])
        assert front.refused == 0
    assert other.attributes[f"{PREFIX}error"] == "refused"
    assert fingerprint in program.log.lines[0]


def test_a_report_and_a_disabled_task_change_nothing(
    iped: Path, pictures: list[tuple[Item, str]]
) -> None:
    items = [item for item, _ in pictures]
    Iped(iped, is_report=True).run(items)
    text = (iped / "IPEDConfig.txt").read_text("utf-8")
    (iped / "IPEDConfig.txt").write_text(text.replace("Classification = true", "x = false"))
    (sent,) = Iped(iped).run(items)
    assert [item.number for item in sent[:-1]] == [item.number for item in items]
    assert all(item.attributes == {} for item in items)


def test_settings_of_the_published_task_are_enough(
    iped: Path, running_bridge: RunningBridge, pictures: list[tuple[Item, str]]
) -> None:
    """Which are the address alone."""
    settings = iped / "conf" / "ImageClassification.txt"
    settings.write_text(f"taskBridgeUrl = {running_bridge.url.rstrip('/')}")
    with small_worker(running_bridge.url):
        Iped(iped).run([item for item, _ in pictures])
    check(pictures)


def test_categories_are_written_if_the_settings_ask_for_them(
    iped: Path, running_bridge: RunningBridge
) -> None:
    """With a model that has some."""
    espresso, later = Item(1, SAMPLE, "image/jpeg"), Item(2, SAMPLE, "image/jpeg")
    with worker(running_bridge.url, "w", "--model", "EfficientNetLite0"):
        Iped(iped).run([espresso])
        changed_settings(iped, categories="false")
        Iped(iped).run([later])
    assert "Getränk oder Trinkgefäß" in espresso.attributes[f"{PREFIX}categories"]
    assert f"{PREFIX}categories" not in later.attributes


def test_the_task_runs_on_the_python_of_iped(
    iped: Path, running_bridge: RunningBridge, folder_of_pictures: Path
) -> None:
    """Which is 3.9 on Windows."""
    best, content = coloured_picture(random.Random(9))
    path = folder_of_pictures / "one.bmp"
    path.write_bytes(content)
    program = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(ROOT / "tests")!r})
from support.iped import Item, Iped
item = Item(1, Path({str(path)!r}))
Iped(Path({str(iped)!r})).run([item])
print(item.attributes["image:classification:bestclass"].encode())
"""
    with small_worker(running_bridge.url):
        ended = subprocess.run(
            [python39_program(), "-B", "-c", program], capture_output=True, text=True, check=False
        )
    assert ended.stdout.strip() == str(NAMES[best].encode()), ended.stderr


def test_the_task_is_installed_where_it_belongs(empty_iped: Path) -> None:
    """After the thumbnails; all else of IPED's files stays; a second time changes nothing."""
    ended = run_installer(empty_iped)
    assert ended.returncode == 0, ended.stderr
    after = tree(empty_iped)
    installer = after["conf/TaskInstaller.xml"].decode()
    tasks = [each.get("class") or each.get("script") for each in ET.fromstring(installer)]
    where = tasks.index("ImageClassificationTask.py")
    assert tasks[where - 1] == "iped.engine.task.ImageThumbTask"
    filters = json.loads(after["conf/AIFiltersConfig.json"])
    assert [each["property"] for each in filters["children"][1:]] == [
        "image\\:classification\\:classes",
        "image\\:classification\\:categories",
    ]
    lines = after["IPEDConfig.txt"].decode().split("\r\n")
    assert lines[-2] == "enableImageClassification = true"
    assert b"\nlanguage = de\n" in after["conf/ImageClassification.txt"]
    for name in ("IPEDConfig.txt", "conf/TaskInstaller.xml", "conf/AIFiltersConfig.json"):
        assert after[f"{name}.backup"] == FILES[name].encode()
        added = [line for line in after[name].splitlines() if line not in FILES[name].encode()]
        assert len(added) <= 5, added
    assert "profiles/triage/conf/TaskInstaller.xml" in ended.stdout.replace("\\", "/")
    changed_settings(empty_iped, language="fr")
    before = tree(empty_iped)
    assert run_installer(empty_iped).returncode == 0
    assert tree(empty_iped) == before


def test_what_was_installed_can_be_taken_out(empty_iped: Path) -> None:
    run_installer(empty_iped)
    ended = run_installer(empty_iped, "--uninstall")
    assert ended.returncode == 0, ended.stderr
    left = {name: text for name, text in tree(empty_iped).items() if ".backup" not in name}
    assert {name: text.rstrip() for name, text in left.items()} == {
        name: text.encode().rstrip() for name, text in FILES.items()
    }


def test_the_published_task_is_replaced(empty_iped: Path) -> None:
    """Its settings stay, its line moves behind the thumbnails."""
    line = '    <task script="ImageClassificationTask.py"></task>\n'
    path = empty_iped / "conf" / "TaskInstaller.xml"
    before, after = path.read_text().split('    <task class="iped.engine.task.ImageThumb', 1)
    path.write_text(f'{before}{line}    <task class="iped.engine.task.ImageThumb{after}')
    settings = empty_iped / "conf" / "ImageClassification.txt"
    settings.write_text("taskBridgeUrl = http://127.0.0.1:1")
    (empty_iped / "IPEDConfig.txt").write_text("enableImageClassification = false\n")
    assert run_installer(empty_iped).returncode == 0
    tasks = [each.get("script") for each in ET.fromstring(path.read_text())]
    assert tasks.count("ImageClassificationTask.py") == 1
    assert tasks.index("ImageClassificationTask.py") == 3
    assert settings.read_text() == "taskBridgeUrl = http://127.0.0.1:1"
    assert (empty_iped / "IPEDConfig.txt").read_text() == "enableImageClassification = true\n"


def test_a_folder_that_is_not_iped_s_is_not_touched(empty_iped: Path, tmp_path: Path) -> None:
    """Nor one whose files look unlike IPED's: it says which."""
    ended = run_installer(tmp_path)
    assert "has no IPEDConfig.txt; name the folder that IPED is in" in ended.stderr
    assert ended.returncode == 1
    (empty_iped / "conf" / "AIFiltersConfig.json").write_text("[]")
    ended = run_installer(empty_iped)
    assert "AIFiltersConfig.json is not as expected" in ended.stderr
    assert ended.returncode == 1
