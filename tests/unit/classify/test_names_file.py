"""`names.toml` adds languages to a pack: by class id, whole, and with one line for each mistake."""

import zipfile
from pathlib import Path

import pytest

from support.packs import copy_pack, write_pack
from taskworker_classifyimage.classify.description import read_pack
from taskworker_classifyimage.classify.labels import labels_of
from taskworker_classifyimage.errors import ModelError

IDS = ["Gray Leaf Spot", 'a "b"', "n02123394"]


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    names = {"en": ["spot", "quoted", "cat"]}
    return write_pack(tmp_path / "pack", b"", output__classes=IDS, output__names=names)


def add(pack: Path, text: str) -> None:
    (pack / "names.toml").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("is_zip", [False, True])
def test_a_file_adds_languages_and_corrects_names(pack: Path, tmp_path: Path, is_zip: bool) -> None:
    """In any script; a synset needs no name, and one language of the pack is changed in part."""
    add(
        pack,
        """
        [ko]
        "Gray Leaf Spot" = "회색점무늬병"
        'a "b"' = "'나'"
        [en]
        'a "b"' = "corrected"
        """,
    )
    if is_zip:
        with zipfile.ZipFile(tmp_path / "pack.zip", "w") as archive:
            for member in pack.iterdir():
                archive.write(member, member.name)
        pack = tmp_path / "pack.zip"
    labels = labels_of(read_pack(pack))
    assert labels.languages == ["en", "ko"]
    assert list(labels.names("en").values()) == ["spot", "corrected", "cat"]
    assert list(labels.names("ko").values()) == ["회색점무늬병", "'나'", "페르시아고양이"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[de", "is not valid TOML"),
        ("[German]\n", "German is not a language tag such as 'de'"),
        ('de = "Fleck"', "de must be a table of names, by class id"),
        ('[de]\n"Gray Leaf Sport" = "x"', "no class of this pack; did you mean 'Gray Leaf Spot'?"),
        ('[de]\n"Gray Leaf Spot" = "x"', """de has no name for 'a "b"'"""),
        ('[de]\n"Gray Leaf Spot" = 3', "de: 'Gray Leaf Spot' must be 1 to 500 printable"),
        ('[tlh]\n"Gray Leaf Spot" = "x"\n\'a "b"\' = "y"', "tlh has no name for 'n02123394'"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(pack: Path, text: str, problem: str) -> None:
    add(pack, text)
    with pytest.raises(ModelError) as caught:
        read_pack(pack)
    assert "names.toml" in str(caught.value)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_usual_classes_have_names_elsewhere(tmp_path: Path) -> None:
    pack = copy_pack("EfficientNetLite0", tmp_path)
    add(pack, '[fr]\nn01440764 = "tanche"')
    with pytest.raises(ModelError, match="--labels-dir adds names"):
        read_pack(pack)
