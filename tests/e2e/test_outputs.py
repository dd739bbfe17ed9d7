"""The outputs of `classify`, all at once: each file once in each, also after a second run."""

import contextlib
import csv
import json
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from support.programs import RunningBridge
from support.same_process import RunHere
from support.small_worker import small_flags, small_worker
from support.working import coloured_picture
from taskworker_classifyimage.local.rows import Row

Reader = Callable[[Path], list[str]]


def fill(folder: Path, count: int = 12) -> list[str]:
    """Pictures of one colour, a text, and two equal pictures; gives the paths."""
    folder.mkdir()
    source = random.Random(1)
    for number in range(count):
        _, picture = coloured_picture(source)
        (folder / f"{number}.bmp").write_bytes(picture)
    (folder / "again.bmp").write_bytes(picture)
    (folder / "text").write_text("no picture")
    return sorted(str(path) for path in folder.iterdir())


def read_json(path: Path) -> list[str]:
    return [Row.from_json(line).path for line in path.read_bytes().splitlines()]


def read_csv(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return [line["path"] for line in csv.DictReader(file)]


def read_sqlite(path: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(path)) as database:
        return [each for (each,) in database.execute("SELECT path FROM files")]


def read_parquet(path: Path) -> list[str]:
    parquet = pytest.importorskip("pyarrow.parquet")
    return list(parquet.read_table(path)["path"].to_pylist())


READERS: dict[str, Reader] = {
    "jsonl": read_json,
    "csv": read_csv,
    "sqlite": read_sqlite,
    "parquet": read_parquet,
}


def test_every_output_has_each_file_once(run_here: RunHere, tmp_path: Path) -> None:
    """Then a file is new, one has changed, and all outputs have that, too."""
    files, outputs = fill(tmp_path / "in"), [tmp_path / f"rows.{kind}" for kind in READERS]
    page = tmp_path / "rows.html"
    flags = [f"--output={path}" for path in (*outputs, page)]
    run = ["classify", *small_flags(), str(tmp_path / "in"), *flags]
    ended = run_here(*run)
    assert ended.returncode == 0, ended.stderr
    assert "13 classified, 1 not a picture; " in ended.stderr
    assert [sorted(READERS[path.suffix[1:]](path)) for path in outputs] == [files] * len(outputs)
    assert page.read_text(encoding="utf-8").count('"0.bmp"') == 1
    _, other = coloured_picture(random.Random(99))
    (tmp_path / "in" / "new.bmp").write_bytes(other + b"new")
    (tmp_path / "in" / "0.bmp").write_bytes(other)
    ended = run_here(*run, "--resume", "--update")
    assert "14 files are there already" in ended.stderr
    assert "2 classified, 13 were there already; " in ended.stderr
    files = sorted([*files, str(tmp_path / "in" / "new.bmp")])
    assert [sorted(READERS[path.suffix[1:]](path)) for path in outputs] == [files] * len(outputs)
    run_json = json.loads((tmp_path / "rows.jsonl.run.json").read_bytes())
    assert run_json["counts"] == {"ok": 14, "not_a_picture": 1, "failed": 0, "skipped": 0}
    assert run_json["top"] == 10


def test_an_output_without_json_lines_keeps_its_checkpoint(
    run_here: RunHere, tmp_path: Path
) -> None:
    """So that it can be added to; lean JSON lines are one as well."""
    files = fill(tmp_path / "in")
    for name in ("rows.csv", "lean.jsonl"):
        output = tmp_path / name
        run = ["classify", *small_flags(), str(tmp_path / "in"), f"--output={output}", "--lean"]
        assert run_here(*run).returncode == 0
        assert sorted(read_json(tmp_path / f"{name}.checkpoint.jsonl")) == files
        ended = run_here(*run, "--resume")
        assert ended.returncode == 0
        assert "0 classified, 14 were there already; " in ended.stderr
    lean = [json.loads(line) for line in (tmp_path / "lean.jsonl").read_bytes().splitlines()]
    assert sorted(row["path"] for row in lean) == files
    assert {tuple(row) for row in lean} == {
        ("path", "class", "name", "probability"),
        ("path", "class", "name", "probability", "code"),
    }


def test_equal_files_are_classified_once_unless_asked_otherwise(
    run_here: RunHere, tmp_path: Path
) -> None:
    """The durations of two runs of a network are never the same; an answer that is kept is."""
    fill(tmp_path / "in", 2)
    output = tmp_path / "rows.jsonl"
    run = ["classify", *small_flags(), str(tmp_path / "in"), f"--output={output}", "--strict"]
    assert run_here(*run, "--no-dedup").returncode == 1
    rows = [Row.from_json(line) for line in output.read_bytes().splitlines()]
    assert len({row.sha256 for row in rows}) == len(rows) - 1
    moved = tmp_path / "in" / "moved.bmp"
    (tmp_path / "in" / "0.bmp").rename(moved)
    assert run_here(*run, "--resume").returncode == 1
    rows = [Row.from_json(line) for line in output.read_bytes().splitlines()]
    results = {Path(row.path).name: row.result for row in rows}
    assert results["moved.bmp"] == results["0.bmp"]


def test_sidecars_are_written_and_removed(run_here: RunHere, tmp_path: Path) -> None:
    """A sidecar that is something else is left alone, and the run ends with 1."""
    folder = tmp_path / "in"
    fill(folder)
    flags = ("--sidecar", "full", "--sidecar-probability", "0.1")
    run = ["classify", *small_flags(), str(folder), *flags, "--failed", str(tmp_path / "failed")]
    assert run_here(*run).returncode == 0
    assert len(list(folder.glob("*.bmp.xmp"))) == 13
    assert (tmp_path / "failed").read_bytes() == b""
    (folder / "0.bmp.xmp").write_text("precious")
    ended = run_here(*run)
    assert ended.returncode == 1
    assert "0.bmp.xmp" in ended.stderr
    assert "1 without sidecar" in ended.stderr
    ended = run_here("classify", str(folder), "--sidecar-remove")
    assert "keywords removed from 12 sidecars" in ended.stderr
    assert [path.name for path in folder.glob("*.xmp")] == ["0.bmp.xmp"]


def test_a_run_through_a_bridge_writes_outputs_too(
    run_here: RunHere, running_bridge: RunningBridge, tmp_path: Path
) -> None:
    files, output = fill(tmp_path / "in"), tmp_path / "rows.csv"
    with small_worker(running_bridge.url):
        ended = run_here(
            *("classify", str(tmp_path / "in"), f"--output={output}"),
            *("--taskbridgeurl", running_bridge.url, "--min-probability", "0.4"),
        )
    assert ended.returncode == 0, ended.stderr
    assert sorted(read_csv(output)) == files
    assert running_bridge.api.json("GET", "tasks/list/") == []


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (["--resume"], "--resume and --overwrite need an --output FILE"),
        (["--output", "x.jsonl", "--update"], "--update goes with --resume"),
        (["--output", "x.jsonl", "--resume", "--overwrite"], "choose one of them"),
        (["--output", "x.txt"], "its name must end in one of .jsonl, .ndjson, .csv"),
        (["--output", "/no/such/folder/x.csv"], "there is no folder /no/such/folder"),
        (["--output", "x.csv", "--output", "x.csv"], "a file is named twice"),
        (["--output", "."], "its name must end in"),
        (["--model", "A,B"], "'classify' takes one model"),
        (["--files-from", "/no/such/list"], "--files-from: /no/such/list is not a file"),
    ],
)
def test_flags_that_do_not_go_together_are_told_before_anything_starts(
    run_here: RunHere, tmp_path: Path, flags: list[str], problem: str
) -> None:
    ended = run_here("classify", str(tmp_path), *flags)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert problem in ended.stderr
