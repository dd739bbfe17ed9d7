"""`classify` on folders: each file once, whatever its name and however often the run is killed."""

import contextlib
import csv
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from support.odd_folders import OddFolder, make_odd_folder, make_picture
from support.photos import ESPRESSO
from support.programs import COMMAND, clean_environment, run_command
from taskworker_classifyimage.local.rows import Row
from taskworker_classifyimage.outputs.cells import path_text

LIGHT = {"model": "EfficientNetLite0"}
linux = pytest.mark.skipif(sys.platform != "linux", reason="names, FIFOs and devices of Linux")


def rows_of(output: Path) -> list[Row]:
    return [Row.from_json(line) for line in output.read_bytes().splitlines()]


def check_rows(rows: list[Row], folder: OddFolder) -> None:
    """Each file has one row of its kind."""
    assert Counter(row.path for row in rows) == Counter(folder.files)
    status = {row.path: row.status for row in rows}
    assert {status[path] for path in folder.good} == {"ok"}
    assert {status[path] for path in folder.broken} == {"failed"}
    assert {status[path] for path in folder.texts} == {"not_a_picture"}


@linux
def test_every_file_of_an_odd_folder_has_one_row(tmp_path: Path) -> None:
    """Odd names, links in circles, a FIFO, broken files; the run ends with 1 and a summary."""
    folder = make_odd_folder(tmp_path / "odd", 150)
    ended = run_command("classify", str(folder.path), **LIGHT)
    check_rows([Row.from_json(line) for line in ended.stdout.encode().splitlines()], folder)
    assert ended.returncode == 1
    assert "147 classified, 2 not a picture, 3 failed (3 damaged), 1 skipped; " in ended.stderr


@linux
def test_a_run_that_is_killed_again_and_again_loses_and_repeats_nothing(tmp_path: Path) -> None:
    """kill -9 at random moments; the same command goes on, and each file is there once."""
    folder, output = make_odd_folder(tmp_path / "odd", 200), tmp_path / "rows.jsonl"
    tables = [tmp_path / "rows.csv", tmp_path / "rows.sqlite"]
    outputs = [f"--output={each}" for each in (output, *tables)]
    command = [*COMMAND, "classify", str(folder.path), *outputs, "--resume"]
    chance, kills = random.Random(5), 0
    part, least = Path(f"{output}.part"), 0
    while kills < 5:
        process = subprocess.Popen(command, env=clean_environment(**LIGHT), stderr=subprocess.PIPE)
        least += chance.randrange(10_000)
        while process.poll() is None and (not part.exists() or part.stat().st_size < least):
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if output.exists():
            break
        kills += 1
    assert kills > 2
    # As a kill in the middle of a line leaves it.
    with part.open("ab") as file:
        file.write(b'{"path": "half')
    before = part.stat().st_size
    ended = run_command(*command[len(COMMAND) :], **LIGHT)
    assert ended.returncode == 1
    assert " files are there already\n" in ended.stderr
    assert before > 1000
    check_rows(rows_of(output), folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "odd",
        "rows.csv",
        "rows.jsonl",
        "rows.jsonl.run.json",
        "rows.sqlite",
    ]
    with tables[0].open(encoding="utf-8", newline="") as file:
        in_csv = [line["path"] for line in csv.DictReader(file)]
    # What failed in an earlier run is still there to be looked at.
    assert run_command(*command[len(COMMAND) :], **LIGHT).returncode == 1
    with contextlib.closing(sqlite3.connect(tables[1])) as database:
        in_sqlite = [path for (path,) in database.execute("SELECT path FROM files")]
    assert sorted(in_csv) == sorted(in_sqlite) == sorted(map(path_text, folder.files))


def test_a_finished_run_takes_up_what_is_new_changed_or_moved(tmp_path: Path) -> None:
    """New files are added; changed ones with --update; a moved one is not classified again."""
    pictures, output = tmp_path / "pictures", tmp_path / "rows.jsonl"
    pictures.mkdir()
    for number in range(3):
        (pictures / f"{number}.png").write_bytes(make_picture(number))
    flags = ("classify", str(pictures), "--output", str(output))
    assert run_command(*flags, **LIGHT).returncode == 0
    (pictures / "0.png").rename(pictures / "moved.png")
    (pictures / "1.png").write_bytes(ESPRESSO)
    (pictures / "new.png").write_bytes(make_picture(9))
    ended = run_command(*flags, "--resume", **LIGHT)
    assert "1 of them have changed since: --update does them again" in ended.stderr
    rows = {Path(row.path).name: row for row in rows_of(output)}
    assert set(rows) == {"0.png", "1.png", "2.png", "moved.png", "new.png"}
    assert rows["moved.png"].result == rows["0.png"].result
    assert rows["1.png"].size_bytes != len(ESPRESSO)
    run_command(*flags, "--resume", "--update", **LIGHT)
    again = rows_of(output)
    assert len(again) == 5
    [changed] = [row for row in again if row.path.endswith("1.png")]
    assert changed.result["predictions"][0]["class"] == "n07920052"  # type: ignore[index]


def test_an_existing_output_is_never_lost_by_accident(tmp_path: Path) -> None:
    """It is refused; --resume with other settings is refused as well."""
    (tmp_path / "a.png").write_bytes(make_picture(1))
    output = tmp_path / "rows.jsonl"
    output.write_text("precious\n")
    flags = ("classify", str(tmp_path / "a.png"), "--output", str(output))
    ended = run_command(*flags, **LIGHT)
    assert ended.returncode == 2
    assert "rows.jsonl exists; --overwrite replaces it, --resume adds to it" in ended.stderr
    assert output.read_text() == "precious\n"
    assert run_command(*flags, "--overwrite", **LIGHT).returncode == 0
    ended = run_command(*flags, "--resume", "--top", "3", **LIGHT)
    assert ended.returncode == 2
    assert "was begun with top 10, this is 3" in ended.stderr


@linux
def test_a_full_disk_is_one_line_and_what_is_written_is_good(tmp_path: Path) -> None:
    """A limit of the file's size stands for the disk: the same run goes on when it is lifted."""
    pictures, output = tmp_path / "pictures", tmp_path / "rows.jsonl"
    pictures.mkdir()
    for number in range(300):
        (pictures / f"{number}.png").write_bytes(make_picture(number))
    command = [*COMMAND, "classify", str(pictures), "--output", str(output)]
    limited = ["prlimit", "--fsize=150000", *command]
    ended = subprocess.run(
        limited, env=clean_environment(**LIGHT), capture_output=True, encoding="utf-8", check=False
    )
    assert ended.returncode == 1
    [line] = [each for each in ended.stderr.splitlines() if "written so far" in each]
    assert "rows.jsonl." in line
    assert "go on with --resume when that is mended" in line
    assert "Traceback" not in ended.stderr
    written = len(rows_of(Path(f"{output}.part")))
    assert written > 0
    assert run_command(*command[len(COMMAND) :], "--resume", **LIGHT).returncode == 0
    assert len({row.path for row in rows_of(output)}) == len(rows_of(output)) == 300


@linux
@pytest.mark.parametrize("target", ["/dev/full", "pipe"])
def test_an_output_that_takes_no_more_is_one_line(tmp_path: Path, target: str) -> None:
    for number in range(300):
        (tmp_path / f"{number}.png").write_bytes(make_picture(number))
    shell = f"> {target}" if target == "/dev/full" else "| head -1 > /dev/null"
    ended = subprocess.run(
        ["bash", "-c", f'"$@" {shell}', "bash", *COMMAND, "classify", str(tmp_path)],
        env=clean_environment(**LIGHT),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    [line] = ended.stderr.splitlines()
    assert line.startswith("taskworker-classifyimage: standard output: ")
    assert "; written so far: " in line


def test_a_stop_keeps_what_is_done(tmp_path: Path) -> None:
    """Ctrl-C answers at once, says how to go on, and the next run does."""
    pictures, output = tmp_path / "pictures", tmp_path / "rows.jsonl"
    pictures.mkdir()
    for number in range(400):
        (pictures / f"{number}.png").write_bytes(make_picture(number))
    command = [*COMMAND, "classify", str(pictures), "--output", str(output)]
    process = subprocess.Popen(command, env=clean_environment(**LIGHT), stderr=subprocess.PIPE)
    part = Path(f"{output}.part")
    while not part.exists() or not part.stat().st_size:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, printed = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"keeps what is done: go on with --resume" in printed
    kept = len(rows_of(part))
    assert 0 < kept < 400
    assert run_command(*command[len(COMMAND) :], "--resume", **LIGHT).returncode == 0
    assert len({row.path for row in rows_of(output)}) == len(rows_of(output)) == 400


@linux
def test_lists_of_files_are_read_and_written(tmp_path: Path) -> None:
    """--failed writes what --files-from reads, also for names with line ends and odd bytes."""
    folder = make_odd_folder(tmp_path / "odd", 160)
    failed = tmp_path / "failed.txt"
    ended = run_command("classify", str(folder.path), "--failed", str(failed), **LIGHT)
    assert ended.returncode == 1
    ended = run_command("classify", "--files-from", str(failed), **LIGHT)
    paths = [json.loads(line)["path"] for line in ended.stdout.splitlines()]
    assert sorted(paths) == sorted(folder.broken)
    listed = "\0".join(folder.files).encode("utf-8", "surrogateescape")
    again = subprocess.run(
        [*COMMAND, "classify", "--files-from", "-", "-q"],
        input=listed,
        env=clean_environment(**LIGHT),
        capture_output=True,
        check=False,
    )
    check_rows([Row.from_json(line) for line in again.stdout.splitlines()], folder)


def test_a_picture_on_standard_input_is_classified() -> None:
    ended = subprocess.run(
        [*COMMAND, "classify", "-", "--lean"],
        input=ESPRESSO,
        env=clean_environment(**LIGHT),
        capture_output=True,
        check=True,
    )
    row = json.loads(ended.stdout)
    assert list(row) == ["path", "class", "name", "probability"]
    assert (row["path"], row["class"]) == ("-", "n07920052")


def test_a_pattern_and_a_folder_that_overlap_give_each_file_once(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(make_picture(number))
    ended = run_command(
        "classify", str(tmp_path / "*.png"), str(tmp_path), str(tmp_path / "0.png"), **LIGHT
    )
    paths = [json.loads(line)["path"] for line in ended.stdout.splitlines()]
    assert sorted(map(os.path.basename, paths)) == ["0.png", "1.png", "2.png"]
