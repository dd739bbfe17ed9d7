"""A model whose classes do not exclude each other, wherever its results go."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from support.packs import IDS, labelling_network, write_pack
from support.page import Visit, running_bridge, visiting
from support.programs import RunningBridge, worker
from support.same_process import RunHere

RED_AND_GREEN = "red thing", "green thing"


def a_picture(*colour: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 40), colour).save(buffer, "PNG")
    return buffer.getvalue()


BOTH, NEITHER = a_picture(210, 200, 0), a_picture(0, 0, 0)


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pack") / "labels"
    return write_pack(folder, labelling_network(), name="Labels", output__kind="independent")


@pytest.fixture(scope="module")
def served(pack: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBridge]:
    flags = ("--model", str(pack), "--decoder-processes", "1")
    with running_bridge(tmp_path_factory.mktemp("bridge")) as found, worker(found.url, "w", *flags):
        yield found


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "green_both.png").write_bytes(BOTH)
    (folder / "red_neither.png").write_bytes(NEITHER)
    return folder


def test_a_task_is_answered_with_all_labels_that_reach_the_threshold(served: RunningBridge) -> None:
    """Of a picture that reaches none, with none; and with what the task itself sets."""
    tasks = [
        served.api.add({"provenance": True}, BOTH),
        served.api.add({}, NEITHER),
        served.api.add({"minprobability": 0.001}, NEITHER),
    ]
    both, neither, all_three = map(served.api.wait_for_result, tasks)
    assert [each["name"] for each in both["predictions"]] == list(RED_AND_GREEN)
    assert sum(each["probability"] for each in both["predictions"]) > 1.9
    assert both["kind"] == both["provenance"]["model"]["kind"] == "independent"
    assert both["provenance"]["threshold"] == 0.5
    assert (neither["predictions"], "error" in neither) == ([], False)
    assert len(all_three["predictions"]) == len(IDS)


def test_the_outputs_of_a_folder_hold_all_labels(
    pack: Path, pictures: Path, tmp_path: Path, run_here: RunHere
) -> None:
    """Ranks of CSV, a report that says what the numbers are, and a keyword for each label."""
    table, report, lines = (tmp_path / f"out.{ending}" for ending in ("csv", "html", "jsonl"))
    outputs = [flag for path in (table, report, lines) for flag in ("--output", str(path))]
    flags = ("--model", str(pack), "--sidecar", "full", "--sort", *outputs)
    ended = run_here("classify", str(pictures), *flags)
    assert (ended.returncode, ended.stderr.count("Traceback")) == (0, 0)
    with table.open(encoding="utf-8", newline="") as file:
        both, neither = csv.DictReader(file)
    assert (both["name_1"], both["name_2"], both["name_3"]) == (*RED_AND_GREEN, "")
    assert (neither["status"], neither["name_1"]) == ("ok", "")
    keywords = (pictures / "green_both.png.xmp").read_text(encoding="utf-8")
    assert all(name in keywords for name in RED_AND_GREEN)
    assert not (pictures / "red_neither.png.xmp").exists()
    assert '"kind":"independent"' in report.read_text(encoding="utf-8")
    kinds = [json.loads(line)["kind"] for line in lines.read_bytes().splitlines()]
    assert kinds == ["independent"] * 2


def test_a_lower_threshold_of_the_model_also_makes_keywords(
    pictures: Path, tmp_path: Path, run_here: RunHere
) -> None:
    """0.002 would be left out of any other model's keywords."""
    low = {"output__kind": "independent", "output__threshold": 0.001}
    pack = write_pack(tmp_path / "pack", labelling_network(), **low)
    run_here("classify", str(pictures), "--model", str(pack), "--sidecar", "full")
    keywords = (pictures / "red_neither.png.xmp").read_text(encoding="utf-8")
    assert "blue thing" in keywords


def test_a_filter_by_category_is_told_what_it_would_overlook(
    pictures: Path, tmp_path: Path, run_here: RunHere
) -> None:
    """Below the threshold, and behind the first ones; with enough asked for, it finds."""
    classes = ["n04086273", "n02123394", "n01440764"]
    more = {"output__kind": "independent", "output__classes": classes, "output__names": {}}
    pack = write_pack(tmp_path / "pack", labelling_network(), **more)
    flags = ("classify", str(pictures), "--model", str(pack), "--category", "weapon")
    ended = run_here(*flags, "--category-probability", "0.3", "--top", "73")
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "add --min-probability 0.3" in ended.stderr
    ended = run_here(*flags, "--category-probability", "0.6")
    assert "--top must be 73 or more" in ended.stderr
    ended = run_here(*flags, "--category-probability", "0.6", "--top", "73")
    assert [json.loads(line)["path"][-8:] for line in ended.stdout.splitlines()] == ["both.png"]
    [first, *_] = json.loads(ended.stdout)["categories"]
    assert 0.97 < first["probability"] < 0.99


def test_evaluate_judges_what_is_reported(pack: Path, pictures: Path, run_here: RunHere) -> None:
    """A further label is no error, and there is no temperature to be fitted."""
    ended = run_here("evaluate", str(pictures), "--model", str(pack))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "from probability 0.5 on, the known class is reported of 50.0%" in ended.stdout
    assert "1.00 classes reported a picture" in ended.stdout
    assert "1 of 1  red red thing" in ended.stdout
    assert "calibration" not in ended.stdout
    ended = run_here("evaluate", str(pictures), "--model", str(pack), "--fit-temperature")
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "the classes of Labels do not exclude each other" in ended.stderr


def test_the_page_shows_all_labels_or_that_there_is_none(
    chromium: Any, served: RunningBridge
) -> None:
    """In cards and in the details, where it says how to read them."""
    with visiting(chromium, served.url) as visit:
        visit.is_live()
        visit.drop([("both.png", BOTH), ("neither.png", NEITHER)])
        visit.finishes(done=2)
        names = visit.card("both.png").locator(".bars .name")
        assert names.all_text_contents() == list(RED_AND_GREEN)
        assert "No label reaches" in visit.card("neither.png").locator(".body").text_content()
        _open(visit, "both.png")
        visit.locate("#details-body .bars li >> nth=1").wait_for()
        assert "several may fit" in visit.locate("#details-body").text_content()
        assert not visit.complaints


def _open(visit: Visit, name: str) -> None:
    visit.card(name).locator(".tile").click()
