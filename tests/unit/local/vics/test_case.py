import json
from pathlib import Path

import pytest

from support.vics import fill_case, make_medium, write_case
from taskworker_classifyimage.errors import ConfigError, ErrorCode
from taskworker_classifyimage.local.counting import count
from taskworker_classifyimage.local.vics.case import Case


def make_case(folder: Path, *more: dict[str, object]) -> Path:
    media, _ = fill_case(folder, 2)
    return write_case(folder / "case.json", [*media, *more])


def test_the_files_of_media_are_found_with_their_facts(tmp_path: Path) -> None:
    """A missing one too, whose reading tells that it is missing."""
    path = make_case(tmp_path, make_medium(2, "gone", b""), {"MD5": "0"})
    case = Case(path, tmp_path)
    case.check()
    found = list(case.find())
    assert case.media == 4
    assert [each.path for each in found] == [
        str(tmp_path / "Files" / name) for name in ("0.bmp", "1.bmp", "gone")
    ]
    facts = (tmp_path / "Files" / "0.bmp").stat()
    assert (found[0].size_bytes, found[0].modified_ns) == (facts.st_size, facts.st_mtime_ns)
    assert [found[2].size_bytes, found[2].problem] == [None, None]


def test_what_is_not_followed_has_a_problem_and_a_name_that_opens_nothing(tmp_path: Path) -> None:
    """The first hundred are told, each in one line."""
    refused = [
        make_medium(number, "", b"", RelativeFilePath=f"..\\\x1b[2J\n{number}")
        for number in range(150)
    ]
    told: list[str] = []
    case = Case(make_case(tmp_path, *refused), tmp_path, told.append)
    found = [each for each in case.find() if each.problem]
    assert len(found) == 150
    assert {each.problem and each.problem.code for each in found} == {ErrorCode.FILE_MISSING}
    assert not any(Path(each.path).exists() for each in found)
    assert len({each.path for each in found}) == 150
    assert len(told) == 100
    assert told[0] == ("medium 3: its RelativeFilePath leads out of the folder: ..\\\\x1b[2J 0")


def test_files_are_counted_once_for_the_progress(tmp_path: Path) -> None:
    path = make_case(tmp_path, make_medium(2, "0.bmp", b""), make_medium(3, "0.bmp", b""))
    wanted = [[], None, [str(path), str(tmp_path)], [], [], False, []]
    assert count(json.dumps(wanted)) == 2


def test_a_case_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    case = Case(make_case(tmp_path), tmp_path)
    case.path.write_bytes(b"{")
    with pytest.raises(ConfigError, match="is no whole Project VIC file"):
        case.check()
