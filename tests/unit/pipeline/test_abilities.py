from pathlib import Path

from support.packs import colour_network, write_pack
from taskworker_classifyimage.classify import load_classifiers
from taskworker_classifyimage.classify.labels import LabelFiles
from taskworker_classifyimage.pipeline.abilities import offers
from taskworker_classifyimage.pipeline.take import Taker


def test_every_model_is_offered_with_each_of_its_own_languages(tmp_path: Path) -> None:
    """No pair is missing, and none that the worker could not do is there."""
    names = {language: ["a", "b", "c"] for language in ("de", "fr", "nl", "pt")}
    pack = write_pack(tmp_path / "pack", colour_network(), output__names=names)
    classifiers = load_classifiers(["EfficientNetLite0", str(pack)])
    offered = offers(classifiers)
    pairs = [(each["model"], each["targetlanguage"]) for each in offered]
    expected = {("EfficientNetLite0", language) for language in LabelFiles().languages}
    expected |= {("Colours", language) for language in names}
    assert set(pairs) == expected
    assert len(pairs) == len(expected)
    assert {each["device"] for each in offered} == {"cpu"}


def test_neither_a_model_nor_a_language_waits_for_all_of_the_others(tmp_path: Path) -> None:
    """As long as both have languages left, model and language change from offer to offer."""
    pack = write_pack(tmp_path / "pack", colour_network())
    offered = offers(load_classifiers(["EfficientNetLite0", str(pack)]))
    assert len({each["model"] for each in offered[:2]}) == 2
    assert len({each["targetlanguage"] for each in offered[:2]}) == 2


def test_offers_take_turns_for_ever() -> None:
    """After the last one the first one again."""
    taker = Taker("w", [{"targetlanguage": "de"}, {"targetlanguage": "en"}])
    asked = [taker.next_abilities()["targetlanguage"] for _ in range(5)]
    assert asked == ["de", "en", "de", "en", "de"]
