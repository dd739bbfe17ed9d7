"""What the author of a file of names is told."""

from collections.abc import Callable
from pathlib import Path

import pytest

from taskworker_classifyimage.classify import label_check
from taskworker_classifyimage.classify.label_check import check_labels, check_spelling
from taskworker_classifyimage.classify.labels import find_label_files

FOLDER = Path(label_check.__file__).parent.parent / "data" / "labels"
TAGS = sorted(path.stem for path in FOLDER.glob("*.names"))


@pytest.fixture
def made(tmp_path: Path) -> Callable[[str, str], list[str]]:
    """Replaces one line of the German file and checks it; a line of None is left out."""

    def check(line: str | None, tag: str = "de") -> list[str]:
        lines = (FOLDER / "de.names").read_text(encoding="utf-8").splitlines()
        assert lines[283].startswith("n02123394 ")
        lines[283:284] = [] if line is None else [line]
        path = tmp_path / f"{tag}.names"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return [f"{each.line}: {each.text}" for each in check_labels(path, tag)]

    return check


@pytest.mark.parametrize("tag", TAGS)
def test_the_files_of_the_package_are_all_right(tag: str) -> None:
    assert check_labels(FOLDER / f"{tag}.names", tag) == []


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("n02123394 Perserkatze_neu", "284: 'Perserkatze_neu' has an underscore"),
        ("n02123394  Perserkatze", "284: ' Perserkatze' has an underscore, a tab, or a space too"),
        ("n02123394 Perserkatze\u200b", "284: 'Perserkatze\\u200b' has an underscore"),
        ("n02123394 Perserka\u0308tze", "write it in the form NFC"),
        ("n02123394 Perserkatze/Perser", "looks like several names"),
        ("n02123394 " + "x" * 61, "has more than 60 characters"),
        ("n02123394 Персидская кошка", "letters of another script"),
        ("n02123394 ägyptische  Katze", "a space too many"),
        (
            "n02123394 Siam katze",
            "'Siamkatze' is the name 'Siam katze' of line 284",
        ),
        ("n02123394", "284: not a class id, a space and a name: 'n02123394'"),
        ("N02123394 Perserkatze", "284: not a class id"),
        ("n02123395 Perserkatze", "284: there is no class n02123395"),
        ("n02123045 Perserkatze", "284: n02123045 has a name in line 282"),
        (None, "0: n02123394 (Persian cat) has no name"),
    ],
)
def test_a_mistake_is_told_with_its_line(
    made: Callable[..., list[str]], line: str | None, told: str
) -> None:
    assert any(told in each for each in made(line)), made(line)


def test_another_sense_is_told(
    made: Callable[..., list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "de.traps").write_text("n02123394 Perser; Teppich\n", encoding="utf-8")
    monkeypatch.setattr(label_check, "_CHECKS", tmp_path)
    assert made("n02123394 Teppich") == ["284: 'Teppich' is another sense of 'Persian cat'"]


def test_a_language_that_is_not_known_may_have_any_letters(made: Callable[..., list[str]]) -> None:
    assert made("n02123394 Персидская кошка", "xx") == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"n01440764 a\nn01443537 \xff\n", (2, "this is not UTF-8")),
        (b"\xef\xbb\xbfn01440764 a\n", (1, "begins with a byte order mark")),
    ],
)
def test_a_file_that_is_no_utf_8_is_told(
    tmp_path: Path, content: bytes, told: tuple[int, str]
) -> None:
    path = tmp_path / "de.names"
    path.write_bytes(content)
    [problem] = check_labels(path, "de")
    assert problem.line == told[0]
    assert told[1] in problem.text


def test_without_a_dictionary_spelling_is_not_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert check_spelling(FOLDER / "de.names", "de") is None


def test_a_language_is_added_by_one_file(tmp_path: Path) -> None:
    lines = [f"{each} x-{name}" for each, name in find_label_files().names("en").items()]
    (tmp_path / "tlh.names").write_text("\n".join(lines) + "\n", encoding="utf-8")
    labels = find_label_files(further=tmp_path)
    assert {"tlh", "de"} <= set(labels.languages)
    assert labels.resolve("TLH-x-made") == ("tlh", False)
    assert labels.names("tlh")["n02123394"] == "x-Persian cat"
