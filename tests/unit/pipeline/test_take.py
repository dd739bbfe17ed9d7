from pathlib import Path

from support.memory_bridge import MemoryBridge, bridge_of
from support.packs import colour_network, write_pack
from support.virtual_time import run_in_virtual_time
from taskworker_classifyimage.classify.labels import find_label_files
from taskworker_classifyimage.classify.loader import load_classifiers
from taskworker_classifyimage.pipeline.take import Taker, offers_of


def test_every_model_is_offered_with_each_of_its_own_languages(tmp_path: Path) -> None:
    """No pair is missing, and none that the worker could not do is there."""
    names = {language: ["a", "b", "c"] for language in ("de", "fr", "nl", "pt")}
    pack = write_pack(tmp_path / "pack", colour_network(), output__names=names)
    classifiers = load_classifiers(["EfficientNetLite0", str(pack)])
    offered = offers_of(classifiers)
    pairs = [(each["model"], each["targetlanguage"]) for each in offered]
    expected = {("EfficientNetLite0", language) for language in find_label_files().languages}
    expected |= {("Colours", language) for language in names}
    assert set(pairs) == expected
    assert len(pairs) == len(expected)
    assert {each["device"] for each in offered} == {"cpu"}


def test_neither_a_model_nor_a_language_waits_for_all_of_the_others(tmp_path: Path) -> None:
    """As long as both have languages left, model and language change from offer to offer."""
    pack = write_pack(tmp_path / "pack", colour_network())
    offered = offers_of(load_classifiers(["EfficientNetLite0", str(pack)]))
    assert len({each["model"] for each in offered[:2]}) == 2
    assert len({each["targetlanguage"] for each in offered[:2]}) == 2


def test_offers_take_turns() -> None:
    """After the last one the first one again."""
    client = MemoryBridge()
    taker = Taker(bridge_of(client), [{"targetlanguage": "de"}, {"targetlanguage": "en"}])

    async def take_five_times() -> None:
        for _ in range(5):
            assert await taker.take() == []

    run_in_virtual_time(take_five_times())
    languages = [abilities["targetlanguage"] for abilities in client.abilities]
    assert languages == ["de", "en", "de", "en", "de"]


def test_a_take_that_waits_offers_everything() -> None:
    """A task that only the next offer suits must not wait until this take has ended."""
    client = MemoryBridge()
    german, english = {"targetlanguage": "de"}, {"targetlanguage": "en"}
    taker = Taker(bridge_of(client), [german, english])
    run_in_virtual_time(taker.take(wait_s=20.0))
    assert (client.abilities, client.others) == ([german], [(english,)])
