"""`classify --categories` with a built-in model: what the outputs make of categories."""

import contextlib
import csv
import json
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from support.in_process import BridgeOnFolder, serving
from support.photos import ESPRESSO
from support.same_process import RunHere
from support.vics import make_medium, write_case
from taskworker_classifyimage.sample import SAMPLE


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A cup of espresso, a picture that is damaged and a text."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    shutil.copy(SAMPLE, folder / "cup.jpg")
    (folder / "damaged.jpg").write_bytes(ESPRESSO[:99])
    (folder / "notes.txt").write_text("no picture")
    return folder


def read_csv(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {Path(row["path"]).name: row for row in csv.DictReader(file)}


def test_tables_have_categories_in_the_language_of_the_run(
    run_here: RunHere, pictures: Path, tmp_path: Path
) -> None:
    """The same in all; a run cannot be resumed without them."""
    table, database = tmp_path / "rows.csv", tmp_path / "rows.sqlite"
    run = ["classify", str(pictures), "--language=de", f"--output={table}", f"--output={database}"]
    assert run_here(*run, "--categories").returncode == 1
    rows = read_csv(table)
    cup = rows["cup.jpg"]
    assert (cup["category_id"], cup["category_name"]) == ("drink", "Getränk oder Trinkgefäß")
    assert (cup["coarse_id"], cup["coarse_name"]) == ("food", "Essen oder Trinken")
    assert rows["damaged.jpg"]["category_id"] == rows["notes.txt"]["coarse_probability"] == ""
    best = "SELECT id, name, probability FROM categories WHERE level = 'fine' AND rank = 1"
    with contextlib.closing(sqlite3.connect(database)) as opened:
        found = opened.execute(best).fetchall()
    assert found == [("drink", cup["category_name"], float(cup["category_probability"]))]
    ended = run_here(*run, "--resume")
    assert ended.returncode == 2
    assert "was begun with categories True" in ended.stderr


def test_a_sidecar_has_the_class_below_its_category(run_here: RunHere, pictures: Path) -> None:
    run = ["classify", str(pictures), "--exclude=damaged*", "--sidecar=full"]
    assert run_here(*run, "--categories").returncode == 0
    sidecar = pictures / "cup.jpg.xmp"
    assert "<rdf:li>auto|drink or drinking vessel|espresso</rdf:li>" in sidecar.read_text("utf-8")
    assert run_here(*run).returncode == 0
    assert "drink" not in sidecar.read_text("utf-8")
    assert run_here(*run, "--sidecar-remove").returncode == 0
    assert not sidecar.exists()


def test_a_case_has_the_category_in_its_tags(run_here: RunHere, tmp_path: Path) -> None:
    """And all that are likely in its metadata; a run without them takes both away."""
    (tmp_path / "Files").mkdir()
    shutil.copy(SAMPLE, tmp_path / "Files" / "cup.jpg")
    case = write_case(tmp_path / "case.json", [make_medium(1, "cup.jpg", ESPRESSO, Tags="mine")])
    out, again = tmp_path / "out.json", tmp_path / "again.json"
    run = ["classify", "--vics", str(case), f"--output={out}", "--categories"]
    assert run_here(*run).returncode == 0
    medium = read_medium(out)
    assert medium["Tags"] == "mine, espresso, drink or drinking vessel"
    metadata = {each["PropertyName"]: each["PropertyValue"] for each in medium["MediaMetadata"]}
    [first, second, *_] = metadata["ClassifyImage Categories"].split("; ")
    assert {first[:-7], second[:-7]} == {"food food or drink", "drink drink or drinking vessel"}
    assert run_here("classify", "--vics", str(out), f"--output={again}").returncode == 0
    medium = read_medium(again)
    assert medium["Tags"] == "mine, espresso"
    assert "ClassifyImage Categories" not in str(medium["MediaMetadata"])


def read_medium(path: Path) -> dict[str, Any]:
    [medium] = json.loads(path.read_bytes())["value"][0]["Media"]
    assert isinstance(medium, dict)
    return medium


def test_only_pictures_of_a_category_are_written(
    run_here: RunHere, pictures: Path, tmp_path: Path
) -> None:
    """And what could not be classified; a file that changes leaves all outputs."""
    shutil.copytree(pictures, tmp_path / "more")
    outputs = [tmp_path / f"rows.{kind}" for kind in ("jsonl", "csv", "sqlite", "html")]
    flags = [f"--output={path}" for path in outputs]
    run = ["classify", str(pictures), *flags, "--category=Getr\u00e4nk oder Trinkgef\u00e4\u00df"]
    ended = run_here(*run, "--language=de")
    assert "1 classified, 1 not a picture, 1 failed (1 damaged), 1 left out by" in (ended.stderr)
    assert read_names(outputs) == [["cup.jpg", "damaged.jpg"]] * 4
    run_json = json.loads((tmp_path / "rows.jsonl.run.json").read_bytes())
    assert (run_json["category"], run_json["category_probability"]) == (["drink"], 0.5)
    assert run_json["counts"] == {"ok": 1, "not_a_picture": 1, "failed": 1, "skipped": 0}
    Image.new("RGB", (300, 200), "white").save(pictures / "cup.jpg")
    ended = run_here(*run, "--language=de", "--resume", "--update")
    assert "1 classified, 1 left out by --category, 2 were there already" in ended.stderr
    assert read_names(outputs) == [["damaged.jpg"]] * 4
    for flag in ("--category=dog", "--category-probability=0.4"):
        ended = run_here(*run, "--language=de", "--resume", flag)
        assert (ended.returncode, "was begun with category" in ended.stderr) == (2, True)
    for category, count in (("dog", 1), ("FOOD", 2), ("food or drink", 2)):
        ended = run_here("classify", str(tmp_path / "more"), f"--category={category}")
        assert len(ended.stdout.splitlines()) == count


def read_names(outputs: list[Path]) -> list[list[str]]:
    """The files in each output."""
    lines, table, database, page = outputs
    with contextlib.closing(sqlite3.connect(database)) as opened:
        paths = [path for (path,) in opened.execute("SELECT path FROM files")]
        for name in ("predictions", "categories"):
            found = opened.execute(f"SELECT path FROM {name}").fetchall()
            assert {path for (path,) in found} <= set(paths)
    text = page.read_text("utf-8")
    return [
        sorted(Path(json.loads(line)["path"]).name for line in lines.read_bytes().splitlines()),
        sorted(read_csv(table)),
        sorted(Path(path).name for path in paths),
        [name for name in ("cup.jpg", "damaged.jpg", "notes.txt") if f'"{name}"' in text],
    ]


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (["--category=Hund"], "there is no category 'Hund'; docs/labels.md lists them all"),
        (["--category=Hund", "--language=de"], ""),
        (["--category=wepon"], "did you mean weapon (weapon or protective gear)"),
        (["--category=dog", "--category-probability=0.05"], "--top must be 20 or more"),
        (["--category=dog", "--category-probability=0.05", "--top=20"], ""),
        (["--category=dog", "--category-probability=0"], "--top must be 73 or more"),
        (["--category=dog", "--top=1"], "--top must be 4 or more"),
    ],
)
def test_a_category_that_cannot_be_told_is_refused(
    run_here: RunHere, flags: list[str], problem: str
) -> None:
    ended = run_here("classify", str(SAMPLE), *flags)
    assert (ended.returncode, ended.stdout) == (2 if problem else 0, "")
    assert problem in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_what_a_bridge_s_worker_tells_of_categories_is_read_without_trust(
    run_here: RunHere, pictures: Path, tmp_path: Path
) -> None:
    """Entries that are none are left out; a worker that tells none loses no picture."""
    drink = {"id": "drink", "name": "drink", "level": "fine", "probability": 0.9}
    odd = [5, {"id": "dog"}, {**drink, "probability": "high"}, {**drink, "probability": 0.2}]
    prediction = {"class": "n07920052", "name": "espresso", "probability": 0.8}
    results: list[dict[str, Any]] = [
        {"predictions": [{**prediction, "categories": [drink, *odd]}], "categories": [*odd, drink]},
        {"predictions": [{**prediction, "categories": "no"}], "categories": None},
        {"predictions": [prediction]},
    ]
    for number, result in enumerate(results):
        table = tmp_path / f"{number}.csv"
        with serving(tmp_path / f"bridge {number}") as bridge, answering(bridge, result):
            flags = ["--sidecar=full", "--min-probability=0.5", f"--output={table}"]
            flags += ["--taskbridgeurl", bridge.url, "--category=drink"]
            ended = run_here("classify", str(pictures / "cup.jpg"), *flags)
        assert ended.returncode == 0, ended.stderr
        known = [row["category_id"] for row in read_csv(table).values()]
        assert known == (["drink"], [], [""])[number]
        assert (pictures / "cup.jpg.xmp").exists()


@contextlib.contextmanager
def answering(bridge: BridgeOnFolder, result: object) -> Iterator[None]:
    """A worker of another program that gives one answer."""

    def work() -> None:
        wanted = {"type": "classifyimage", "worker": "w", "wait": 20}
        task = bridge.post("tasks/take/", wanted).json()
        bridge.post(f"tasks/complete/{task['id']}/", {"result": result})

    worker = threading.Thread(target=work)
    worker.start()
    yield
    worker.join()
