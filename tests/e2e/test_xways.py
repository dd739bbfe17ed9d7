"""X-Ways Forensics: files exported for analysis, and the X-Tension, with stand-ins for X-Ways."""

import csv
import hashlib
import importlib
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from support import corpus
from support.photos import ESPRESSO
from support.programs import ROOT, RunningBridge, clean_environment, worker
from support.small_worker import small_flags, small_worker
from support.working import coloured_picture
from support.xways import CASE_CRC, Item, Xwf, export_folder, refine

XWAYS = ROOT / "integrations" / "xways"
NAMES = {"red": "red", "green": "green", "blue": "blue"}


def analyse(folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    script = str(XWAYS / "external_analysis.py")
    flags = flags or ("--probability=0.34", *small_flags())
    return subprocess.run(
        [sys.executable, "-B", script, str(folder), *flags],
        env=clean_environment(PYTHONIOENCODING="ascii"),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest().upper()


def test_exported_files_become_lists_of_hashes_and_a_table(tmp_path: Path) -> None:
    """Nothing is written into the folder of X-Ways; a second start does nothing twice."""
    source, files, best = random.Random(2), {}, {}
    for number in range(2**33, 2**33 + 12):
        best[number], files[number] = coloured_picture(source)
    files[7] = b"no picture"
    folder = export_folder(tmp_path, files, "F\u00e4ll 1")
    ended = analyse(folder)
    assert ended.returncode == 0, ended.stderr
    target = tmp_path / f"{CASE_CRC:08X}-classes"
    assert ended.stdout.splitlines() == [f"F\\xe4ll 1: results go to {target}", "3 lists of hashes"]
    assert len(list(folder.iterdir())) == 14
    with (target / "classes.csv").open(encoding="utf-8-sig", newline="") as file:
        table = {int(row["id"]): row for row in csv.DictReader(file)}
    assert {number: row["md5"] for number, row in table.items()} == {
        number: md5(content) for number, content in files.items()
    }
    assert {number: table[number]["class"] for number in best} == best
    assert table[7]["status"] == "not_a_picture"
    names = {table[number]["name"] for number in best}
    assert {path.stem for path in (target / "hashes").iterdir()} == names
    for name in names:
        content = (target / "hashes" / f"{name}.txt").read_bytes()
        wanted = sorted(md5(files[each]) for each in best if table[each]["name"] == name)
        assert content == "\r\n".join(["MD5", *wanted, ""]).encode()
    assert (target / "report.html").exists()
    ended = analyse(folder)
    assert "0 classified, 13 were there already" in ended.stderr
    assert ended.stdout.endswith("3 lists of hashes\n")


@pytest.mark.parametrize(
    ("checksum", "problem"),
    [(None, "it has no file Checksum"), (b"\0" * 100, "has 100 bytes instead of 144")],
)
def test_another_folder_is_refused(tmp_path: Path, checksum: bytes | None, problem: str) -> None:
    folder = export_folder(tmp_path, {})
    (folder / "Checksum").unlink()
    if checksum is not None:
        (folder / "Checksum").write_bytes(checksum)
    ended = analyse(folder)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert problem in ended.stderr
    assert len(list(tmp_path.iterdir())) == 1


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The folder of X-Ways, as the installer leaves it."""
    installer = str(ROOT / "integrations" / "install.py")
    command = [sys.executable, "-B", installer, "xways", str(tmp_path / "xw")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return tmp_path / "xw"


@pytest.fixture
def xwf(monkeypatch: pytest.MonkeyPatch) -> Xwf:
    stand_in = Xwf({})
    monkeypatch.setitem(sys.modules, "xwf", stand_in)
    return stand_in


@pytest.fixture
def script(installed: Path, xwf: Xwf, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The X-Tension, imported as X-Ways' Python does it."""
    assert sys.modules["xwf"] is xwf
    monkeypatch.syspath_prepend(installed)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield importlib.import_module("XT_ImageClasses")
    for name in list(sys.modules):
        if name == "XT_ImageClasses" or name.partition(".")[0] == "taskbridge_client":
            del sys.modules[name]


def change(installed: Path, **settings: object) -> None:
    path = installed / "XT_ImageClasses.properties"
    lines = [f"{name} = {text}" for name, text in settings.items()]
    path.write_text("\n".join([path.read_text("utf-8"), *lines, ""]), "utf-8")


def fill(xwf: Xwf, count: int) -> dict[int, str]:
    """Pictures of items; the class of each."""
    source, best = random.Random(4), {}
    for number in range(count):
        best[number], content = coloured_picture(source)
        xwf.items[number] = Item(content)
    return best


def test_pictures_get_labels_and_comments(
    installed: Path, script: ModuleType, xwf: Xwf, running_bridge: RunningBridge
) -> None:
    """Others are not sent; a second run replaces its own line of the comment alone."""
    best = fill(xwf, 40)
    xwf.items[0].comment = "mine"
    others = {
        50: Item(b"no picture" * 10),
        51: Item(b"BM"),
        52: Item(b""),
        53: Item(b"\xff\xd8\xff" * 30),
    }
    xwf.items.update(others)
    change(installed, taskBridgeUrl=running_bridge.url, skipSize=10, threshold=34, inFlight=8)
    with small_worker(running_bridge.url):
        refine(script, list(xwf.items))
        refine(script, list(xwf.items))
    assert xwf.messages == ["40 classified, 1 not classified"] * 2
    for number, class_id in best.items():
        lines = xwf.items[number].comment.splitlines()
        assert lines[:-1] == (["mine"] if number == 0 else [])
        assert lines[-1].startswith("[Image classes] ")
        assert f" % ({class_id}), " in lines[-1]
        [label] = xwf.items[number].labels
        assert lines[-1].startswith(f"[Image classes] {label} ")
    assert [others[number].labels for number in (50, 51, 52)] == [[]] * 3
    assert others[53].labels == ["Image not classified"]
    assert others[53].comment.startswith("[Image classes] damaged: ")
    assert running_bridge.api.json("GET", "tasks/list/") == []


def test_settings_that_are_wrong_are_told_and_stop_nothing(
    installed: Path, script: ModuleType, xwf: Xwf
) -> None:
    fill(xwf, 2)
    change(installed, labels="many")
    refine(script, [0, 1], operation=0)
    assert xwf.messages == [
        "run it in Refine Volume Snapshot, or from the menu of selected files",
        "no picture is classified: labels is 'many', but has to be a number from 0 to 1000000000",
    ]
    assert xwf.items[0].labels == []


def test_a_bridge_that_is_not_there_leaves_a_mark(
    installed: Path, script: ModuleType, xwf: Xwf
) -> None:
    fill(xwf, 2)
    change(installed, taskBridgeUrl="http://127.0.0.1:9/", patience=0, skipSize=0)
    refine(script, [0, 1])
    assert [item.labels for item in xwf.items.values()] == [["Image not classified"]] * 2
    assert xwf.items[0].comment.startswith("[Image classes] unreachable: ")
    assert xwf.messages == ["0 classified, 2 not classified"]


def test_large_files_are_not_read(installed: Path, script: ModuleType, xwf: Xwf) -> None:
    xwf.items[0] = Item(b"\xff\xd8\xff" + bytes(2**20))
    change(installed, mostMegabytes=1)
    refine(script, [0])
    assert xwf.items[0].comment == "[Image classes] too_large: it has more than 1 MB"


def test_categories_become_labels_and_lists_of_hashes(
    installed: Path, script: ModuleType, xwf: Xwf, running_bridge: RunningBridge, tmp_path: Path
) -> None:
    """Those that reach the threshold, beside the classes or without them."""
    names = {"drink or drinking vessel", "food or drink"}
    xwf.items |= {0: Item(ESPRESSO), 1: Item(ESPRESSO + b"1")}
    change(installed, taskBridgeUrl=running_bridge.url, labels=0)
    with worker(running_bridge.url, "w", "--model=EfficientNetLite0"):
        refine(script, [0])
        assert set(xwf.items[0].labels) == names
        change(installed, labels=1, categories="false")
        refine(script, [1])
    assert xwf.items[1].labels == ["espresso"]
    folder = export_folder(tmp_path, {7: ESPRESSO, 8: b"no picture"})
    ended = analyse(folder, "--categories", "--model=EfficientNetLite0")
    target = tmp_path / f"{CASE_CRC:08X}-classes"
    assert ended.stdout.endswith("3 lists of hashes\n")
    assert {path.stem for path in (target / "categories").iterdir()} == names
    for path in (*(target / "categories").iterdir(), target / "hashes" / "espresso.txt"):
        assert path.read_bytes() == f"MD5\r\n{md5(ESPRESSO)}\r\n".encode()
    table = (target / "classes.csv").read_text("utf-8-sig").splitlines()
    assert table[0].endswith(",error,category,category_probability")
    assert ",,drink or drinking vessel,0.9" in min(table)


def test_labels_are_ascii(script: ModuleType) -> None:
    """Others are question marks in reports of X-Ways."""
    assert script.to_label("Weißer Hai, groß") == "Weisser Hai gross"
    assert script.to_label("Übergroße Ära") == "Uebergrosse Aera"
    assert script.to_label("crème brûlée") == "creme brulee"


def test_pictures_are_known_by_their_first_bytes(script: ModuleType) -> None:
    """Of all formats but TGA, which has none of its own."""
    unknown = {name for name in corpus.names() if not script.is_picture(corpus.encoded(name)[:32])}
    assert {name.partition("_")[0] for name in unknown} == {"tga"}
    others = (b"", b"BM", b"PK\3\4", b"\0\0\0\x18ftypisom", b"RIFF\0\0\0\0WAVE", b"Program", b"P1")
    assert not any(map(script.is_picture, others))
