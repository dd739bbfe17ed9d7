"""WordNet's English synonyms of the classes of ILSVRC2012, and the synsets above them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from taskworker_classifyimage.errors import ModelError

_PATH: Final = Path(__file__).parent.parent / "data" / "wordnet" / "synsets.tsv"


@dataclass(frozen=True, slots=True)
class Synset:
    """A meaning.

    Attributes:
        parents: ids of the meanings above it.
        words: English words for it, the most usual one first.
    """

    parents: tuple[str, ...]
    words: tuple[str, ...]


@cache
def load_synsets() -> Mapping[str, Synset]:
    """The classes of ILSVRC2012 and all synsets above them, by id (WordNet 3.0).

    Raises:
        ModelError: the file is damaged.
    """
    try:
        rows = [line.split("\t") for line in _PATH.read_text(encoding="utf-8").splitlines()]
        return {
            synset: Synset(tuple(parents.split()), tuple(words.split("; ")))
            for synset, parents, words in rows
        }
    except (OSError, ValueError) as err:
        raise ModelError(f"{_PATH}: {err}") from None


def synonyms_of(class_id: str) -> tuple[str, ...]:
    """English words for a class; none for a class that WordNet does not have."""
    synset = load_synsets().get(class_id)
    return () if synset is None else synset.words
