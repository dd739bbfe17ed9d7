"""Which classes and categories does a word mean? Typing errors and plurals are forgiven."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from taskworker_classifyimage.classify.categories import (
    Category,
    Level,
    category_names,
    load_categories,
)
from taskworker_classifyimage.classify.labels import Labels
from taskworker_classifyimage.classify.synonyms import Synset, load_synsets, synonyms_of

#: How alike two words must be, 0 to 1, if one may be a typing error or an inflected form.
_ALIKE: Final = 0.8
#: Shorter words have too many neighbours.
_SHORTEST: Final = 4
_WORD: Final = re.compile(r"\w+")

#: The same word, a part of a name, a similar word, or similar to a part; lower is better.
_SAME, _PART, _SIMILAR, _SIMILAR_PART, _NONE = range(5)


@dataclass(frozen=True, slots=True)
class FoundClass:
    """A class whose name or synonym the word is."""

    class_id: str
    name: str

    def to_json(self) -> dict[str, str]:
        """As results name it."""
        return {"class": self.class_id, "name": self.name}


@dataclass(frozen=True, slots=True)
class FoundCategory:
    """A category that has the word in its name, and what is below it."""

    id: str
    name: str
    level: Level
    classes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FoundGroup:
    """Classes below a meaning of WordNet, such as all terriers.

    Attributes:
        words: the English words for it.
        classes: their ids.
    """

    words: tuple[str, ...]
    classes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Meanings:
    """What a word may mean, the best match first."""

    classes: tuple[FoundClass, ...]
    categories: tuple[FoundCategory, ...]
    groups: tuple[FoundGroup, ...]

    def to_json(self) -> dict[str, object]:
        """As the bridge answers."""
        classes = [each.to_json() for each in self.classes]
        return {"classes": classes, "categories": self.categories, "groups": self.groups}


def find_meanings(word: str, language: str, labels: Labels, most: int = 50) -> Meanings:
    """Finds classes, categories and groups of classes.

    Args:
        word: one or several words, in the language or in English.
        language: of the names, one of the labels' languages.
        labels: of the classes of ILSVRC2012.
        most: how many of each kind are given at most.
    """
    wanted, names = _fold(word), labels.names(language)
    if not wanted:
        return Meanings((), (), ())
    of_categories, above = category_names(language), _list_above(names)
    by_kind = [
        _rank({each: (name, *synonyms_of(each)) for each, name in names.items()}, wanted),
        _rank({each: (name, each) for each, name in of_categories.items()}, wanted),
        _rank({each: synset.words for each, synset in above.items()}, wanted),
    ]
    best = min(rank for ranks in by_kind for rank in ranks.values())
    # Similar words only help who finds nothing else.
    worst = _PART if best <= _PART else _SIMILAR_PART
    classes, categories = (_choose(ranks, worst)[:most] for ranks in by_kind[:2])
    groups = _choose(by_kind[2], _SAME)[:most]
    known = {each.id: each for each in load_categories().all}
    return Meanings(
        tuple(FoundClass(each, names[each]) for each in classes),
        tuple(_describe(known[each], of_categories[each]) for each in categories),
        tuple(_gather(each, names) for each in groups),
    )


def _describe(category: Category, name: str) -> FoundCategory:
    return FoundCategory(category.id, name, category.level, category.members)


def _list_above(names: Mapping[str, str]) -> dict[str, Synset]:
    """The meanings above the classes."""
    return {each: synset for each, synset in load_synsets().items() if each not in names}


def _gather(synset: str, names: Mapping[str, str]) -> FoundGroup:
    below = tuple(class_id for class_id in names if _is_below(class_id, synset))
    return FoundGroup(load_synsets()[synset].words, below)


def _is_below(synset: str, other: str) -> bool:
    parents = load_synsets()[synset].parents if synset in load_synsets() else ()
    return other in parents or any(_is_below(parent, other) for parent in parents)


def _rank(texts: Mapping[str, Sequence[str]], wanted: str) -> dict[str, int]:
    """How well the best text of each key matches."""
    return {key: min(_compare(_fold(text), wanted) for text in of) for key, of in texts.items()}


def _choose(ranks: Mapping[str, int], worst: int) -> list[str]:
    """The keys that match well enough, the best first; equal ones in their order."""
    return sorted((key for key, rank in ranks.items() if rank <= worst), key=ranks.__getitem__)


def _compare(text: str, wanted: str) -> int:
    words = _WORD.findall(text)
    if _is_same(text, wanted):
        return _SAME
    if any(_is_same(each, wanted) for each in words) or _is_part(text, wanted):
        return _PART
    if len(wanted) < _SHORTEST:
        return _NONE
    if _is_alike(text, wanted):
        return _SIMILAR
    return _SIMILAR_PART if any(_is_alike(each, wanted) for each in words) else _NONE


def _is_part(text: str, wanted: str) -> bool:
    """Whether a word is a part of a compound, or of a text without spaces."""
    return wanted in text and len(wanted) >= (_SHORTEST if wanted.isascii() else 2)


def _is_same(one: str, other: str) -> bool:
    """Whether two words are equal, or one may be the plural of the other."""
    return not {one, _without_ending(one)}.isdisjoint((other, _without_ending(other)))


def _is_alike(one: str, other: str) -> bool:
    if abs(len(one) - len(other)) > 2:
        return False
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return matcher.quick_ratio() >= _ALIKE and matcher.ratio() >= _ALIKE


def _without_ending(text: str) -> str:
    """Without what a plural in many European languages adds."""
    for ending in ("es", "en", "er", "s", "n", "e", "i", "a"):
        if text.endswith(ending) and len(text) - len(ending) >= _SHORTEST - 1:
            return text.removesuffix(ending)
    return text


def _fold(text: str) -> str:
    """Without accents, brackets and capitals."""
    plain = unicodedata.normalize("NFKD", re.sub(r"\(.*?\)", "", text))
    kept = "".join(char for char in plain if not unicodedata.combining(char))
    return unicodedata.normalize("NFKC", kept).casefold().strip()
