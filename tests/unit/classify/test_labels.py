import re
from pathlib import Path

import pytest

from support.packs import colour_network, write_pack
from taskworker_classifyimage.classify.description import read_pack
from taskworker_classifyimage.classify.labels import find_label_files, labels_of
from taskworker_classifyimage.classify.loader import load_classifier
from taskworker_classifyimage.errors import ModelError

LANGUAGES = find_label_files().languages


#: Pairs of classes that share a word, and that a list translated word by word gives one name.
HOMONYMS = [
    ("n02012849", "n03126707"),  # crane: the bird, the machine
    ("n03710637", "n03710721"),  # maillot, twice
    ("n02190166", "n02883205"),  # de: Fliege, the insect and the bow tie
    ("n02113186", "n02963159"),  # Cardigan: the dog, the jacket
    ("n04592741", "n03452741"),  # de: Flügel, of a plane and the piano
    ("n02086910", "n02883205"),  # papillon: the dog; bow tie
    ("n04355933", "n04356056"),  # sunglass, sunglasses
]


def test_every_language_is_there() -> None:
    """The two languages of the original, and 22 more."""
    wanted = "ar bg cs da de el en es fi fr hu it ja ko nb nl pl pt ro ru sv tr uk zh-Hans"
    assert wanted.split() == LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_names_the_same_classes(language: str) -> None:
    """1000 names, under ids in the form that the models use."""
    names = find_label_files().names(language)
    assert len(names) == 1000
    assert list(names) == list(find_label_files().ids)
    assert all(re.fullmatch(r"n\d{8}", synset) for synset in names)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_classes_share_a_name(language: str) -> None:
    """An examiner sees only the name."""
    folded = [
        name.casefold().replace(" ", "") for name in find_label_files().names(language).values()
    ]
    assert sorted(name for name in folded if folded.count(name) > 1) == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("one", "other"), HOMONYMS)
def test_homonyms_are_told_apart(language: str, one: str, other: str) -> None:
    """The original's list has one name for a bow tie and a fly."""
    names = find_label_files().names(language)
    assert names[one].casefold() != names[other].casefold()


def test_german_names_have_the_right_sense_and_orthography() -> None:
    """The original's list had ids in upper case, wrong senses and no umlauts."""
    names = find_label_files().names("de")
    assert names["n02123394"] == "Perserkatze"
    assert names["n02124075"] == "Ägyptische Katze"
    assert names["n04074963"] == "Fernbedienung"
    assert names["n02113186"] != "Strickjacke"
    assert names["n02129165"] == "Löwe"
    wrong = {"n04065272": "Rollstuhl", "n13133613": "Ohr", "n02096177": "Steinhaufen"}
    assert [synset for synset, name in wrong.items() if names[synset] == name] == []


@pytest.mark.parametrize(
    ("tag", "answer"),
    [
        ("de", ("de", True)),
        ("DE", ("de", True)),
        ("de-AT", ("de", False)),
        ("de_CH", ("de", False)),
        ("en-GB", ("en", False)),
        ("xx", ("en", False)),
        ("deu", ("en", False)),
        ("pt-BR", ("pt", False)),
        ("no", ("nb", True)),
        ("no-NO", ("nb", False)),
        ("nn", ("nb", False)),
        ("zh", ("zh-Hans", True)),
        ("ZH-cn", ("zh-Hans", True)),
        ("zh_CN", ("zh-Hans", True)),
        ("zh-hans-CN", ("zh-Hans", False)),
        ("zh-TW", ("zh-Hans", False)),
        ("zh-Hant", ("zh-Hans", False)),
    ],
)
def test_a_language_that_is_not_there_falls_back(tag: str, answer: tuple[str, bool]) -> None:
    """To the more general language, then to English; it never fails."""
    assert find_label_files().resolve(tag) == answer


@pytest.mark.parametrize(
    "damage", ["n01440764 again", "N01440764 upper case", "n01440764", "", "n0144076 tench"]
)
def test_a_damaged_label_file_is_refused(tmp_path: Path, damage: str) -> None:
    """The start fails and names the line; the original failed tasks later."""
    lines = [f"{synset} {name}" for synset, name in find_label_files().names("en").items()]
    lines[500] = damage
    (tmp_path / "en.names").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(ModelError, match="line 501"):
        find_label_files(tmp_path).names("en")


def test_an_incomplete_label_file_is_refused(tmp_path: Path) -> None:
    """With 999 names one task in a thousand would fail."""
    lines = [f"{synset} {name}" for synset, name in find_label_files().names("en").items()]
    (tmp_path / "en.names").write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")
    with pytest.raises(ModelError, match="999 names"):
        find_label_files(tmp_path).names("en")


def test_own_names_fall_back_within_their_own_languages(tmp_path: Path) -> None:
    """A missing language falls back to English, without English to the first one."""
    pack = load_classifier(str(write_pack(tmp_path / "a", colour_network()))).model
    assert labels_of(pack).resolve("de-CH") == ("de", False)
    assert labels_of(pack).resolve("fr") == ("en", False)
    only_german = {"de": ["Rotes", "Grünes", "Blaues"]}
    folder = write_pack(tmp_path / "b", colour_network(), output__names=only_german)
    labels = labels_of(load_classifier(str(folder)).model)
    assert labels.resolve("fr") == ("de", False)
    folder = write_pack(tmp_path / "c", colour_network(), output__names={})
    labels = labels_of(load_classifier(str(folder)).model)
    assert labels.names(labels.resolve("en")[0])["red"] == "red"


def test_synsets_among_own_classes_have_their_usual_names(tmp_path: Path) -> None:
    """In every language if all are such; otherwise in those of the pack, where it names nothing."""
    two = write_pack(
        tmp_path / "two", b"", output__classes=["n02123394", "n01440764"], output__names={}
    )
    labels = labels_of(read_pack(two))
    assert labels.languages == LANGUAGES
    assert labels.ids == ("n02123394", "n01440764")
    assert labels.names("de") == {"n02123394": "Perserkatze", "n01440764": "Schleie"}
    ids = ["n02123394", "ours", "n01440764"]
    names = {"en": ["my cat", "ours", "n01440764"], "de": ["n02123394", "Unseres", "Fisch"]}
    own = write_pack(tmp_path / "own", b"", output__classes=ids, output__names=names)
    labels = labels_of(read_pack(own))
    assert labels.languages == ["de", "en"]
    assert labels.has_categories
    assert list(labels.names("en").values()) == ["my cat", "ours", "tench"]
    assert list(labels.names("de").values()) == ["Perserkatze", "Unseres", "Fisch"]
