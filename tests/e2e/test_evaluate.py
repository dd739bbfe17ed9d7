import json
from pathlib import Path

import pytest
from PIL import Image

from support.packs import colour_network, write_pack
from support.photos import ESPRESSO
from support.same_process import RunHere


def fill(folder: Path) -> None:
    """Two right, one wrong, one damaged, one without a class."""
    (folder / "green").mkdir(parents=True)
    Image.new("RGB", (20, 20), (200, 0, 0)).save(folder / "red_1.png")
    Image.new("RGB", (20, 20), (0, 200, 0)).save(folder / "green" / "1.png")
    Image.new("RGB", (20, 20), (200, 0, 0)).save(folder / "blue.png")
    (folder / "red_2.png").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("mine", encoding="utf-8")


def test_a_folder_is_evaluated(tmp_path: Path, run_here: RunHere) -> None:
    """Accuracy, calibration, what was taken for what, and what could not be used; and a plot."""
    fill(tmp_path / "pictures")
    pack = write_pack(tmp_path / "pack", colour_network())
    plot = tmp_path / "plot.png"
    pictures = str(tmp_path / "pictures")
    ended = run_here("evaluate", pictures, "--model", str(pack), "--plot", str(plot))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "3 pictures of 3 classes" in ended.stdout
    assert "top-1   66.7%" in ended.stdout
    assert "top-5  100.0%" in ended.stdout
    assert "expected calibration error 0." in ended.stdout
    assert "1  blue blue thing  ->  red red thing" in ended.stdout
    assert "1 file left out" in ended.stdout
    assert "not classified: 1 (unsupported_format)" in ended.stdout
    assert "categories" not in ended.stdout
    with Image.open(plot) as drawn:
        assert len(set(drawn.convert("L").tobytes())) > 10


def test_categories_are_judged_at_both_levels(tmp_path: Path, run_here: RunHere) -> None:
    """An espresso that is said to be a red wine is right as a drink, and wrong as a class."""
    for class_id in ("n07920052", "n07892512", "n02123394"):
        (tmp_path / f"{class_id}.jpg").write_bytes(ESPRESSO)
    for flags in ((), ("--fit-temperature",)):
        ended = run_here("evaluate", str(tmp_path), *flags)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert "top-1   33.3%" in ended.stdout
        fine, coarse = (
            next(line for line in ended.stdout.splitlines() if line.startswith(level))
            for level in ("fine", "coarse")
        )
        assert fine.startswith("fine    66.7%  95 % confidence: 20.8% to 93.9%  mean confidence 9")
        assert coarse.startswith("coarse  66.7%")
        assert "  expected calibration error 0." in coarse


def test_a_folder_that_tells_no_class_is_refused(tmp_path: Path, run_here: RunHere) -> None:
    """One line, which shows what a name should look like."""
    Image.new("RGB", (20, 20)).save(tmp_path / "1.png")
    ended = run_here("evaluate", str(tmp_path))
    assert ended.returncode == 2
    assert "n01440764" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", ["plot.abc", "plot", "no-folder/plot.svg"])
def test_a_plot_that_cannot_be_drawn_is_told_before_anything_is_classified(
    name: str, tmp_path: Path, run_here: RunHere
) -> None:
    """In one line; a large folder takes hours."""
    fill(tmp_path / "pictures")
    pack = write_pack(tmp_path / "pack", colour_network())
    ended = run_here("evaluate", str(tmp_path / "pictures"), "--model", str(pack), "--plot", name)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert len(ended.stderr.splitlines()) == 1, json.dumps(ended.stderr)


def test_the_temperature_is_fitted_on_the_users_pictures(tmp_path: Path, run_here: RunHere) -> None:
    fill(tmp_path / "pictures")
    pack = write_pack(tmp_path / "pack", colour_network())
    pictures = str(tmp_path / "pictures")
    ended = run_here("evaluate", pictures, "--model", str(pack), "--fit-temperature")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "95 % confidence: " in ended.stdout
    assert "3 pictures are few" in ended.stdout
    assert "model.toml: [output] temperature = " in ended.stdout
    assert "top-5  100.0%" in ended.stdout
