"""Names in every script: from right to left, with combining marks, wide, and beyond 16 bits."""

import contextlib
import csv
import json
import shutil
import sqlite3
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from support.api import Api
from support.in_process import serving
from support.programs import run_command, worker
from support.same_process import RunHere
from support.waiting import wait_until
from taskworker_classifyimage.classify.labels import find_label_files
from taskworker_classifyimage.sample import SAMPLE

ESPRESSO = "n07920052"
NAMES = {
    "ar": "إسبريسو (قهوة 2)",
    "he": "אֶסְפְּרֶסוֹ",
    "hi": "एस्प्रेसो कॉफ़ी",
    "ja": "エスプレッソ",
    "th": "กาแฟเอสเปรสโซ่",
    "yue": "𠮷濃縮咖啡",
}


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of names for each language, with one name in its script."""
    folder = tmp_path_factory.mktemp("labels")
    english = find_label_files().names("en")
    for tag, name in NAMES.items():
        names = {**english, ESPRESSO: name}
        lines = "".join(f"{class_id} {each}\n" for class_id, each in names.items())
        (folder / f"{tag}.names").write_text(lines, encoding="utf-8")
    return folder


@pytest.mark.parametrize("tag", NAMES)
def test_every_output_has_the_name_as_it_is(
    tag: str, labels: Path, tmp_path: Path, run_here: RunHere
) -> None:
    """Also beside a file, and in a folder, that are called so."""
    name = NAMES[tag]
    folder = tmp_path / name
    folder.mkdir()
    picture = folder / f"{name}.jpg"
    shutil.copyfile(SAMPLE, picture)
    outputs = [tmp_path / f"{name}.{ending}" for ending in ("jsonl", "csv", "sqlite", "html")]
    flags = [flag for each in outputs for flag in ("--output", str(each))]
    flags += ["--language", tag, "--labels-dir", str(labels), "--sidecar", "full"]
    ended = run_here("classify", str(folder), *flags)
    assert ended.returncode == 0, ended.stderr
    lines, table, database, report = outputs
    row = json.loads(lines.read_text(encoding="utf-8"))
    assert (row["path"], row["predictions"][0]["name"]) == (str(picture), name)
    with table.open(encoding="utf-8", newline="") as file:
        [record] = csv.DictReader(file)
    assert (record["path"], record["name_1"]) == (str(picture), name)
    with contextlib.closing(sqlite3.connect(database)) as opened:
        query = "SELECT name FROM predictions WHERE class = ? AND rank = 1"
        assert opened.execute(query, (ESPRESSO,)).fetchall() == [(name,)]
    assert json.dumps(name)[1:-1] in report.read_text(encoding="utf-8")
    words = ET.parse(f"{picture}.xmp").getroot().itertext()
    assert any(word.strip() == name for word in words)


def test_a_terminal_that_knows_only_ascii_gets_json_that_reads_back(labels: Path) -> None:
    """And messages with the sign of what it cannot show, instead of an error."""
    for tag in ("ar", "yue"):
        name = NAMES[tag]
        flags = ("--language", tag, "--labels-dir", str(labels))
        ascii_only = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
        ended = run_command("classify", str(SAMPLE), *flags, **ascii_only)
        assert ended.returncode == 0, ended.stderr
        assert json.loads(ended.stdout)["predictions"][0]["name"] == name
        ended = run_command("labels", "find", name, *flags, **ascii_only)
        assert ended.returncode == 0, ended.stderr
        assert ESPRESSO in ended.stdout


def test_a_task_gets_the_name_and_the_log_says_no_error(labels: Path, tmp_path: Path) -> None:
    flags = ("--labels-dir", str(labels), "--decoder-processes", "1")
    with (
        serving(tmp_path / "bridge") as bridge,
        worker(bridge.url, "Prüfstand ラボ مختبر", *flags) as running,
    ):
        api = Api(bridge.url)
        added = {tag: api.add({"targetlanguage": tag}, SAMPLE.read_bytes()) for tag in NAMES}
        wait_until(lambda: {api.status(task_id) for task_id in added.values()} == {"completed"})
        for tag, task_id in added.items():
            assert api.result(task_id)["predictions"][0]["name"] == NAMES[tag]
        assert "ラボ" in running.printed
        assert "UnicodeEncodeError" not in running.printed
