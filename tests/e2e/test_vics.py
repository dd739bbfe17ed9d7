"""`classify --vics`: a case of Project VIC comes out with tags, and with all else as it was."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from support.programs import COMMAND, RunningBridge, clean_environment
from support.same_process import RunHere
from support.small_worker import small_flags, small_worker
from support.vics import CONTEXT, check_case, fill_case, make_medium, write_case
from taskworker_classifyimage.local.rows import Row

#: The tiny network is never sure.
LEAST = "--vics-probability=0.34"


def own_of(medium: dict[str, Any]) -> dict[str, str]:
    return {
        each["PropertyName"].removeprefix("ClassifyImage "): each["PropertyValue"]
        for each in medium["MediaMetadata"]
        if each["PropertyName"].startswith("ClassifyImage ")
    }


def read_media(path: Path) -> list[dict[str, Any]]:
    check_case(path)
    document = json.loads(path.read_bytes().decode("utf-8-sig"))
    media: list[dict[str, Any]] = document["value"][0]["Media"]
    return media


def without_ours(medium: dict[str, Any]) -> dict[str, Any]:
    return {key: each for key, each in medium.items() if key not in ("Tags", "MediaMetadata")}


def test_media_get_tags_and_metadata_and_keep_all_else(run_here: RunHere, tmp_path: Path) -> None:
    """Several outputs at once; a byte order mark stays; each stored file has one row."""
    media, classes = fill_case(tmp_path, 4, Tags="mine", Unknown={"a": [1.50, None]})
    media[1] |= {
        "Category": 2,
        "Tags": None,
        "MediaMetadata": [{"PropertyName": "A", "PropertyValue": "B"}],
    }
    media.append({**media[0], "MediaID": 99})
    case = write_case(tmp_path / "case.json", media, indent=2)
    case.write_bytes(b"\xef\xbb\xbf" + case.read_bytes())
    out, rows = tmp_path / "out.json", tmp_path / "rows.jsonl"
    outputs = [f"--output={out}", f"--output={rows}", f"--output={tmp_path / 'page.html'}"]
    ended = run_here("classify", *small_flags(), "--vics", str(case), LEAST, "--top=2", *outputs)
    assert ended.returncode == 0, ended.stderr
    assert "4 classified; " in ended.stderr
    assert "case: 5 media, 5 classified, 5 with names in their tags\n" in ended.stderr
    assert out.read_bytes().startswith(b"\xef\xbb\xbf{\n  ")
    after = read_media(out)
    assert list(map(without_ours, after)) == list(map(without_ours, media))
    assert after[0]["Tags"] == after[4]["Tags"]
    results = {row.path: row.result for row in map(Row.from_json, rows.read_bytes().splitlines())}
    assert len(results) == 4
    for number, best in enumerate(classes):
        result = results[str(tmp_path / "Files" / f"{number}.bmp")]
        predictions: Any = result["predictions"]
        own = own_of(after[number])
        name = predictions[0]["name"]
        assert (predictions[0]["class"], own["Tags"]) == (best, name)
        assert after[number]["Tags"] == ("mine, " if number != 1 else "") + name
        assert own["Classes"].split("; ")[0] == f"{best} {name} {predictions[0]['probability']:.4f}"
        assert len(own["Classes"].split("; ")) == 2
        assert own["Model"] == f"{result['model']} ({result['library']})"
        assert own["Version"] == result["version"]
    assert after[1]["MediaMetadata"][0] == {"PropertyName": "A", "PropertyValue": "B"}


def test_a_second_run_on_its_own_output_replaces_what_it_has_written(
    run_here: RunHere, tmp_path: Path
) -> None:
    """In another language, and then with nothing probable enough."""
    media, _ = fill_case(tmp_path, 3, Tags=["mine"])
    case = write_case(tmp_path / "case.json", media)
    out, again = tmp_path / "out.json", tmp_path / "again.json"
    flags = ["classify", *small_flags()]
    assert run_here(*flags, "--vics", str(case), LEAST, f"--output={out}").returncode == 0
    run_here(*flags, "--vics", str(out), LEAST, f"--output={again}")
    assert again.read_bytes() == out.read_bytes()
    run_here(*flags, "--vics", str(out), "--vics-probability=1", f"--output={again}", "--overwrite")
    assert [each["Tags"] for each in read_media(again)] == [["mine"]] * 3
    assert all("Tags" not in own_of(each) for each in read_media(again))


def test_a_set_of_hashes_and_files_in_another_folder(run_here: RunHere, tmp_path: Path) -> None:
    """Media without a file are counted; the folder of the files may itself be named."""
    media, _ = fill_case(tmp_path / "elsewhere", 2)
    media.append({"MediaID": 7, "MD5": "0" * 32, "Tags": None})
    case, out = tmp_path / "set.json", tmp_path / "out.json"
    case.write_text(json.dumps({"@odata.context": f"{CONTEXT}#Media", "value": media}))
    run = ["classify", *small_flags(), "--vics", str(case), f"--output={out}", LEAST]
    for files in ("elsewhere", "elsewhere/Files"):
        ended = run_here(*run, "--vics-files", str(tmp_path / files), "--overwrite")
        assert ended.returncode == 0, ended.stderr
        assert (
            "case: 3 media, 2 classified, 2 with names in their tags, 1 name no file"
            in ended.stderr
        )
        after = json.loads(out.read_bytes())["value"]
        assert after[2] == media[2]
        assert all(own_of(each) for each in after[:2])


def test_files_that_are_missing_or_elsewhere_are_reported(
    run_here: RunHere, tmp_path: Path
) -> None:
    """Nothing outside the folder is read, also not by way of the list of what failed."""
    media, _ = fill_case(tmp_path / "case", 1)
    (tmp_path / "secret.bmp").write_bytes((tmp_path / "case" / "Files" / "0.bmp").read_bytes())
    media += [
        make_medium(1, "gone.bmp", b"1"),
        make_medium(2, "", b"2", RelativeFilePath=r"..\secret.bmp"),
        make_medium(3, "", b"3", RelativeFilePath=str(tmp_path / "secret.bmp")),
        make_medium(4, "text", b"4"),
        make_medium(5, "0.bmp", b"5", Tags=5),
    ]
    (tmp_path / "case" / "Files" / "text").write_text("no picture")
    case = write_case(tmp_path / "case" / "case.json", media)
    out, failed = tmp_path / "out.json", tmp_path / "failed"
    flags = [f"--output={out}", f"--output={tmp_path / 'rows.jsonl'}", f"--failed={failed}", LEAST]
    ended = run_here("classify", *small_flags(), "--vics", str(case), *flags)
    assert ended.returncode == 1
    assert "1 classified, 1 not a picture, 3 failed (3 file_missing); " in ended.stderr
    assert (
        "case: 6 media, 1 classified, 1 with names in their tags, 1 left as they are: their tags"
        in ended.stderr
    )
    assert "medium 3: its RelativeFilePath leads out of the folder: ..\\secret.bmp" in ended.stderr
    assert "medium 4: its RelativeFilePath is not relative: " in ended.stderr
    after = json.loads(out.read_bytes())["value"][0]["Media"]
    assert after[1:] == media[1:]
    ended = run_here("classify", *small_flags(), f"--files-from={failed}")
    assert {Row.from_json(line.encode()).status for line in ended.stdout.splitlines()} == {"failed"}


def test_a_case_goes_through_a_bridge(
    run_here: RunHere, running_bridge: RunningBridge, tmp_path: Path
) -> None:
    media, classes = fill_case(tmp_path, 6)
    case, out = write_case(tmp_path / "case.json", media), tmp_path / "out.json"
    flags = ["--taskbridgeurl", running_bridge.url, f"--output={out}", LEAST]
    with small_worker(running_bridge.url):
        ended = run_here("classify", "--vics", str(case), *flags)
    assert ended.returncode == 0, ended.stderr
    assert [own_of(each)["Classes"].split()[0] for each in read_media(out)] == classes
    assert all(own_of(each)["Model"] for each in read_media(out))


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_run_that_was_killed_goes_on(run_here: RunHere, tmp_path: Path) -> None:
    """No case is there before all is done; then it is the same as that of a run in one go."""
    media, _ = fill_case(tmp_path, 300)
    case, out = write_case(tmp_path / "case.json", media), tmp_path / "out.json"
    flags = ["classify", *small_flags(), "--vics", str(case), LEAST]
    command = [*COMMAND, *flags, f"--output={out}", "--resume"]
    rows = tmp_path / "out.json.checkpoint.jsonl"
    process = subprocess.Popen(command, env=clean_environment(), stderr=subprocess.DEVNULL)
    while not rows.exists() or rows.stat().st_size < 1000:
        assert process.poll() is None
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not out.exists()
    ended = run_here(*command[len(COMMAND) :])
    assert ended.returncode == 0, ended.stderr
    assert " files are there already\n" in ended.stderr
    once = tmp_path / "once.json"
    assert run_here(*flags, f"--output={once}").returncode == 0
    assert once.read_bytes() == out.read_bytes()
    (tmp_path / "Files" / "new.bmp").write_bytes((tmp_path / "Files" / "0.bmp").read_bytes())
    media.append(make_medium(1000, "new.bmp", b""))
    write_case(case, media)
    ended = run_here(*command[len(COMMAND) :])
    assert "1 classified, 300 were there already; " in ended.stderr
    assert len(read_media(out)) == 301


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (["--output=out.json", "."], "out.json: .json is a case of Project VIC and needs --vics"),
        (["--vics-files=.", "."], "--vics-files goes with --vics"),
        (["--vics=CASE", "--output=CASE", "--overwrite"], "is the case itself, which is never"),
        (
            ["--vics=CASE", "--vics-files=/no/such"],
            f"--vics-files: {Path('/no/such')} is not a folder",
        ),
        (["--vics=/no/such.json"], f"--vics: {Path('/no/such.json')} is not a file"),
        (["--vics=EMPTY"], "none of its 1 media has a RelativeFilePath"),
        (["--vics=DAMAGED"], "is no whole Project VIC file: "),
        ([], "or a case with --vics"),
    ],
)
def test_what_is_wrong_is_told_before_anything_starts(
    run_here: RunHere, tmp_path: Path, flags: list[str], problem: str
) -> None:
    media, _ = fill_case(tmp_path, 1)
    names = {
        "CASE": write_case(tmp_path / "CASE.json", media),
        "EMPTY": write_case(tmp_path / "EMPTY.json", [{"MD5": "0"}]),
        "DAMAGED": tmp_path / "DAMAGED.json",
    }
    names["DAMAGED"].write_bytes(names["CASE"].read_bytes()[:-2])
    before = sorted(tmp_path.iterdir())
    for name, path in names.items():
        flags = [flag.replace(name, str(path)) for flag in flags]
    ended = run_here("classify", *flags)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert problem in ended.stderr
    assert sorted(tmp_path.iterdir()) == before
