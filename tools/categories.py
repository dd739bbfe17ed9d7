"""Writes data/categories/members.tsv from the definitions in tools/categories/definitions.tsv.

A definition has the category's id, its level (coarse, fine or overlapping), its coarse category,
and WordNet synsets: each gathers the classes at and below it, and with a minus in front takes them
away again, in this order. A coarse category has the classes of its fine ones. The hierarchy is
that of WordNet 3.0, in data/wordnet/synsets.tsv.

    python tools/categories.py          writes the file
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

_DATA: Final = Path(__file__).parent.parent / "src" / "taskworker_classifyimage" / "data"
_DEFINITIONS: Final = Path(__file__).parent / "categories" / "definitions.tsv"


def main() -> None:
    """Writes the file."""
    (_DATA / "categories" / "members.tsv").write_text(make_members(), encoding="utf-8")


def make_members() -> str:
    """The lines of the file: id, level, coarse category, and the ids of the classes."""
    parents = _read_parents()
    classes = [line.split(" ", 1)[0] for line in _read(_DATA / "labels" / "en.names")]
    above = {each: _list_above(each, parents) for each in classes}
    definitions = [line.split("\t") for line in _read(_DEFINITIONS)]
    members: dict[str, set[str]] = {}
    for category, level, parent, synsets in definitions:
        members[category] = _gather(synsets.split(), above)
        if level == "fine":
            members[parent] |= members[category]
    return "".join(
        f"{category}\t{level}\t{parent}\t{' '.join(sorted(members[category]))}\n"
        for category, level, parent, _ in definitions
    )


def _gather(synsets: list[str], above: Mapping[str, frozenset[str]]) -> set[str]:
    found: set[str] = set()
    for synset in synsets:
        below = {each for each in above if synset.lstrip("-") in above[each]}
        found = found - below if synset.startswith("-") else found | below
    return found


def _list_above(synset: str, parents: Mapping[str, list[str]]) -> frozenset[str]:
    """The synset itself and all above it."""
    found, left = set[str](), [synset]
    while left:
        each = left.pop()
        if each not in found:
            found.add(each)
            left += parents[each]
    return frozenset(found)


def _read_parents() -> dict[str, list[str]]:
    rows = (line.split("\t") for line in _read(_DATA / "wordnet" / "synsets.tsv"))
    return {synset: parents.split() for synset, parents, _ in rows}


def _read(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


if __name__ == "__main__":
    main()
