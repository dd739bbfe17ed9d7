"""Compares the names of the classes with sources that are keyed by WordNet's synsets.

    python tools/compare_labels.py SOURCES [TAG...]

SOURCES is a folder whose subfolders hold files TAG.tsv: synset, source, names ("a; b"). Sources
that are keyed by words are left out: they confirm the wrong sense of a word as well as the right
one. For each language it prints how many classes such a source knows, how many of those have a name
that one of them has too, and how the others were judged in tools/labels/TAG.tsv; `--open` lists
those that nobody has judged. The sources are no part of this repository: some may not be copied.
"""

import argparse
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from taskworker_classifyimage.classify.labels import find_label_files

#: Keyed by words.
_BY_WORD: Final = frozenset({"jmdict", "freedict", "ding"})
#: Names of the sources' files where they differ from the tag.
_FILES: Final = {"zh-Hans": ("zh",), "nb": ("nb", "no")}
_JUDGED: Final = Path(__file__).parent / "labels"


def main() -> None:
    """Prints a line for each language."""
    parser = argparse.ArgumentParser(description="Compares the names with synset-keyed sources.")
    parser.add_argument("sources", type=Path)
    parser.add_argument("tags", nargs="*")
    parser.add_argument("--open", action="store_true")
    given = parser.parse_args()
    labels = find_label_files()
    print("| language | known to a source | confirmed | share | both right | source wrong | open |")
    print("|---|---|---|---|---|---|---|")
    for tag in given.tags or labels.languages:
        _compare(tag, labels.names(tag), _read_sources(given.sources, tag), is_listed=given.open)


def _compare(
    tag: str, names: Mapping[str, str], known: Mapping[str, set[str]], *, is_listed: bool
) -> None:
    judged = _read_judged(tag)
    confirmed, verdicts = 0, Counter[str]()
    for class_id, sources in known.items():
        if fold(names[class_id]) in map(fold, sources):
            confirmed += 1
            continue
        verdict = judged.get((class_id, names[class_id]), "open")
        verdicts[verdict] += 1
        if is_listed and verdict == "open":
            print(f"{tag}\t{class_id}\t{names[class_id]}\t{'; '.join(sorted(sources))}")
    share = f"{confirmed / len(known):.0%}" if known else "-"
    counts = (verdicts["synonym"], verdicts["error"], verdicts["open"])
    print("|", " | ".join(map(str, (tag, len(known), confirmed, share, *counts))), "|")


def _read_sources(folder: Path, tag: str) -> dict[str, set[str]]:
    known: dict[str, set[str]] = {}
    for name in _FILES.get(tag, (tag,)):
        for path in folder.glob(f"*/{name}.tsv"):
            for line in path.read_text(encoding="utf-8").splitlines()[1:]:
                synset, source, names = line.split("\t")
                given = {name for name in names.split("; ") if name and name != "GAP!"}
                if given and source not in _BY_WORD:
                    known.setdefault(synset, set()).update(given)
    return known


def _read_judged(tag: str) -> dict[tuple[str, str], str]:
    """The verdicts by class id and name: another name is another question."""
    path = _JUDGED / f"{tag}.tsv"
    if not path.is_file():
        return {}
    rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:])
    return {(row[0], row[1]): row[3] for row in rows}


def fold(name: str) -> str:
    """A name without accents, brackets, capitals and everything that is no letter."""
    plain = re.sub(r"\(.*?\)", "", unicodedata.normalize("NFKC", name).casefold())
    decomposed = unicodedata.normalize("NFD", plain)
    kept = "".join(char for char in decomposed if not unicodedata.combining(char))
    return re.sub(r"[^\w]", "", kept)


if __name__ == "__main__":
    main()
