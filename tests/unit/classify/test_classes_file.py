from pathlib import Path

import pytest

from taskworker_classifyimage.classify.class_lines import read_class_lines
from taskworker_classifyimage.classify.description import read_classes_file
from taskworker_classifyimage.errors import ModelError


def written(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def test_a_toml_file_has_ids_and_names_by_language(tmp_path: Path) -> None:
    """The section of a pack's description, in a file of its own."""
    content = '[output]\nclasses = ["cup", "fork"]\n[output.names]\nde = ["Tasse", "Gabel"]\n'
    classes = read_classes_file(written(tmp_path, "ours.toml", content))
    assert classes is not None
    assert classes.ids == ("cup", "fork")
    assert classes.names == {"de": ("Tasse", "Gabel")}


def test_a_description_that_says_ilsvrc2012_is_understood(tmp_path: Path) -> None:
    """Another pack's model.toml may be named."""
    path = written(tmp_path, "model.toml", '[output]\nclasses = "ILSVRC2012"\n')
    assert read_classes_file(path) is None


@pytest.mark.parametrize(
    ("content", "ids", "names"),
    [
        ("Gray Leaf Spot\nGray Snow Mold\n", ("Gray Leaf Spot", "Gray Snow Mold"), {}),
        ("0 With Mask\n1 마스크 없음", ("With Mask", "마스크 없음"), {}),
        ("0 5 Galoon\r\n1 500 ML\r\n\r\n", ("5 Galoon", "500 ML"), {}),
        ("1 cup\n2 cup\n", ("1 cup", "2 cup"), {}),
        ('\ufeff"tench, Tinca"\n', ('"tench, Tinca"',), {}),
        ("cup\tcoffee cup\nfork", ("cup", "fork"), {"en": ("coffee cup", "fork")}),
        ("n02123394 Persian cat", ("n02123394",), {"en": ("Persian cat",)}),
        ("0 n02123394 Persian cat", ("n02123394",), {"en": ("Persian cat",)}),
    ],
)
def test_a_line_is_a_name_with_all_its_spaces(
    tmp_path: Path, content: str, ids: tuple[str, ...], names: dict[str, tuple[str, ...]]
) -> None:
    """As tools write them: numbers in front that run from 0 are left out, once."""
    path = tmp_path / "labels.txt"
    path.write_bytes(content.encode())
    classes = read_classes_file(path)
    assert classes is not None
    assert (classes.ids, classes.names) == (ids, names)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.toml", "[output]\n", r"output\.classes is missing"),
        ("a.toml", '[output]\nclasses = ["a", "a"]', "names a class twice"),
        ("a.toml", '[output]\nclasses = ["a"]\nnames = {de = ["b", "c"]}', "2 names for 1 classes"),
        ("a.toml", "classes = ", "is not valid TOML"),
        ("a.names", "a\n\nb\n", "line 2 is not a class"),
        ("a.names", "a\nb\na\n", "line 3: there is a 'a' already"),
        ("a.names", "0 a\n1 a\n", "line 2: there is a 'a' already"),
        ("a.names", "", "has no lines"),
        ("a.names", "a\x00b\n", "line 1 is not a class"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(
    tmp_path: Path, name: str, content: str, problem: str
) -> None:
    """By the file's name and the key or the line."""
    path = written(tmp_path, name, content)
    with pytest.raises(ModelError, match=problem) as caught:
        read_classes_file(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_one_in_another_encoding_are_refused(tmp_path: Path) -> None:
    """The file is named, whatever is wrong with it."""
    with pytest.raises(ModelError, match=r"gone\.names: No such file"):
        read_classes_file(tmp_path / "gone.names")
    (tmp_path / "latin.names").write_bytes("Löffel".encode("latin-1"))
    with pytest.raises(ModelError, match=r"latin\.names is not text in UTF-8"):
        read_classes_file(tmp_path / "latin.names")


def test_tools_may_name_two_classes_alike() -> None:
    """ImageNet has two cranes; the number of the output tells their ids apart."""
    classes = read_class_lines(b"crane\ncat\ncrane\n", "labels.txt", may_repeat=True)
    assert classes.ids == ("crane (0)", "cat", "crane (2)")
    assert classes.names == {"en": ("crane", "cat", "crane")}
