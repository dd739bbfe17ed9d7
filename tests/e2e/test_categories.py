"""`classify --categories` with a built-in model: what the outputs make of categories."""

import contextlib
import csv
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

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
