"""The command `labels`, names from the user's own folder, and what results say of them."""

import json
from pathlib import Path

import pytest

from support.in_process import serving
from support.same_process import RunHere
from taskworker_classifyimage.classify.labels import find_label_files
from taskworker_classifyimage.sample import SAMPLE


@pytest.fixture
def klingon(tmp_path: Path) -> Path:
    """A folder with a 25th language."""
    names = find_label_files().names("en")
    lines = "".join(f"{each} qa {name}\n" for each, name in names.items())
    (tmp_path / "tlh.names").write_text(lines, encoding="utf-8")
    return tmp_path


def test_a_contributor_is_told_what_is_wrong_with_a_file(klingon: Path, run_here: RunHere) -> None:
    path = klingon / "tlh.names"
    ended = run_here("labels", "check", str(path))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert f"{path}: all right" in ended.stdout
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([*lines[1:], lines[5]]) + "\n", encoding="utf-8")
    ended = run_here("labels", "check", str(path))
    assert ended.returncode == 1
    assert f"{path}: n01440764 (tench) has no name" in ended.stdout
    assert f"{path}, line 1000: n01496331 has a name in line 5" in ended.stdout


def test_the_files_of_the_package_are_checked_without_a_name(run_here: RunHere) -> None:
    ended = run_here("labels", "check")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "de.names: all right" in ended.stdout


def test_a_file_that_is_not_named_after_its_language_is_told(
    klingon: Path, run_here: RunHere
) -> None:
    path = (klingon / "tlh.names").rename(klingon / "My Names.txt")
    ended = run_here("labels", "check", str(path))
    assert ended.returncode == 2
    assert "name it after its language" in ended.stderr
    assert run_here("labels", "check", str(path), "--language", "tlh").returncode == 0


def test_a_word_is_found_with_what_is_below_it(run_here: RunHere) -> None:
    ended = run_here("labels", "find", "Waffen", "--language", "de")
    assert (ended.returncode, ended.stderr) == (0, "")
    first = ended.stdout.splitlines()[0]
    assert first.startswith("category weapon (coarse): Waffe oder Schutzausrüstung, 29 classes: ")
    assert "n04542943  Waffeleisen" not in ended.stdout
    ended = run_here("labels", "find", "espreso")
    assert ended.stdout.splitlines()[0] == "n07920052  espresso  (drink, food)"
    ended = run_here("labels", "find", "qxzvw")
    assert (ended.returncode, ended.stderr) == (1, "")
    assert ended.stdout == "No class and no category is called 'qxzvw'.\n"


def test_a_language_is_added_by_one_file(klingon: Path, run_here: RunHere) -> None:
    flags = ("--labels-dir", str(klingon))
    ended = run_here("labels", *flags)
    assert "tlh      qa Persian cat" in ended.stdout
    ended = run_here("classify", str(SAMPLE), "--language", "tlh", *flags)
    row = json.loads(ended.stdout)
    assert row["predictions"][0]["name"] == "qa espresso"
    assert "warnings" not in row
    without = json.loads(run_here("classify", str(SAMPLE), "--language", "tlh").stdout)
    assert without["predictions"][0]["name"] == "espresso"
    assert without["warnings"] == ["targetlanguage: tlh is not available, names are in en"]


@pytest.mark.parametrize("name", ["no-folder", "empty"])
def test_a_folder_without_names_is_refused(name: str, tmp_path: Path, run_here: RunHere) -> None:
    (tmp_path / "empty").mkdir()
    ended = run_here("classify", str(SAMPLE), "--labels-dir", str(tmp_path / name))
    assert ended.returncode == 2
    assert "there is no file such as fr.names" in ended.stderr


def test_a_result_has_categories_and_synonyms_if_they_are_asked_for(run_here: RunHere) -> None:
    flags = ("--categories", "--synonyms", "--min-probability", "0.5", "--language", "de")
    row = json.loads(run_here("classify", str(SAMPLE), *flags).stdout)
    [best] = row["predictions"]
    drink = {"id": "drink", "name": "Getränk oder Trinkgefäß", "level": "fine"}
    food = {"id": "food", "name": "Essen oder Trinken", "level": "coarse"}
    assert (best["categories"], best["synonyms"]) == ([drink, food], ["espresso"])
    assert [{**each, "probability": 0} for each in row["categories"]] == [
        {**food, "probability": 0},
        {**drink, "probability": 0},
    ]
    plain = json.loads(run_here("classify", str(SAMPLE)).stdout)
    assert "categories" not in plain
    assert set(plain["predictions"][0]) == {"class", "name", "probability"}


def test_the_bridge_finds_words_as_well(tmp_path: Path) -> None:
    with serving(tmp_path) as bridge:
        found = bridge.get("labels/find/?word=Hunde&language=de-AT").json()
        assert found["categories"][0]["id"] == "dog"
        assert found["categories"][0]["name"] == "Hund"
        assert bridge.get("labels/find?word=espreso").json()["classes"][0] == {
            "class": "n07920052",
            "name": "espresso",
        }
        assert bridge.get("labels/find/").status == 400
