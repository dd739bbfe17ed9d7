"""Keeps what a second author wrote, who did not see a language's names.

    python tools/second_pass.py classes SOURCES TAG   prints what to name: id, synonyms, meaning
    python tools/second_pass.py record TAG FILE       keeps FILE (lines `ID NAME`) beside the names
    python tools/second_pass.py open TAG              prints what nobody has decided
    python tools/second_pass.py settle TAG            gives the classes the names that were chosen
    python tools/second_pass.py table [TAG...]        prints how far both authors agree

SOURCES is a folder with classes.tsv (index, synset, Keras' name, synonyms, gloss). What to name
are 150 classes, drawn by the language's tag, and all that translators get wrong
(tools/labels/traps.tsv). tools/labels/second.TAG.tsv holds a line for each: id, first, second,
chosen, reason. Where the first two are alike, nothing is to be decided; for the others an editor
enters the name that is right by the class's meaning, and why.
"""

import argparse
import csv
import random
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import taskworker_classifyimage
from compare_labels import fold
from taskworker_classifyimage.classify.labels import find_label_files

_KEPT: Final = Path(__file__).parent / "labels"
_NAMES: Final = Path(taskworker_classifyimage.__file__).parent / "data" / "labels"
_SAMPLE: Final = 150


class Row(NamedTuple):
    """What became of a class's name; `chosen` and `reason` are empty where both agree."""

    id: str
    first: str
    second: str
    chosen: str = ""
    reason: str = ""

    @property
    def is_agreed(self) -> bool:
        """Whether both authors wrote the same, apart from brackets, accents and capitals."""
        return fold(self.first) == fold(self.second)

    @property
    def is_open(self) -> bool:
        """Whether an editor has to decide."""
        return not self.is_agreed and not (self.chosen and self.reason)


def main() -> None:
    """Runs a command."""
    parser = argparse.ArgumentParser(description="Keeps what a second author wrote.")
    commands = parser.add_subparsers(dest="command", required=True)
    classes = commands.add_parser("classes")
    classes.add_argument("sources", type=Path)
    classes.add_argument("tag")
    record = commands.add_parser("record")
    record.add_argument("tag")
    record.add_argument("file", type=Path)
    for name in ("open", "settle"):
        commands.add_parser(name).add_argument("tag")
    commands.add_parser("table").add_argument("tags", nargs="*")
    given = parser.parse_args()
    match given.command:
        case "classes":
            _print_classes(given.sources, given.tag)
        case "record":
            _record(given.tag, _read_names(given.file))
        case "open":
            for row in filter(lambda row: row.is_open, _read(given.tag)):
                print(*row, sep="\t")
        case "settle":
            _settle(given.tag)
        case "table":
            _print_table(given.tags or find_label_files().languages)


def _choose_classes(tag: str) -> list[str]:
    every = sorted(find_label_files().names("en"))
    drawn = random.Random(tag).sample(every, _SAMPLE)
    with (_KEPT / "traps.tsv").open(encoding="utf-8") as file:
        traps = [row["synset"] for row in csv.DictReader(file, delimiter="\t")]
    return sorted({*drawn, *traps})


def _print_classes(sources: Path, tag: str) -> None:
    with (sources / "classes.tsv").open(encoding="utf-8") as file:
        known = {row["synset"]: row for row in csv.DictReader(file, delimiter="\t")}
    for class_id in _choose_classes(tag):
        row = known[class_id]
        print(class_id, row["wordnet30_lemmas"], row["wordnet30_gloss"], sep="\t")


def _record(tag: str, second: Mapping[str, str]) -> None:
    wanted = _choose_classes(tag)
    if missing := [class_id for class_id in wanted if class_id not in second]:
        sys.exit(f"{len(missing)} names are missing: {' '.join(missing)}")
    first = find_label_files().names(tag)
    _write(tag, (Row(class_id, first[class_id], second[class_id]) for class_id in wanted))


def _settle(tag: str) -> None:
    rows = _read(tag)
    if count := sum(row.is_open for row in rows):
        sys.exit(f"{count} names are open")
    chosen = {row.id: row.chosen for row in rows if row.chosen}
    names = {**find_label_files().names(tag), **chosen}
    lines = [f"{class_id} {name}" for class_id, name in names.items()]
    (_NAMES / f"{tag}.names").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _print_table(tags: Iterable[str]) -> None:
    print("| language | named twice | alike | share | first kept | second taken | a third |")
    print("|---|---|---|---|---|---|---|")
    for tag in tags:
        if rows := _read(tag):
            agreed = sum(row.is_agreed for row in rows)
            decided = [row for row in rows if row.chosen]
            first = sum(row.chosen == row.first for row in decided)
            second = sum(row.chosen == row.second for row in decided)
            counts = (len(rows), agreed, f"{agreed / len(rows):.0%}", first, second)
            print("|", " | ".join(map(str, (tag, *counts, len(decided) - first - second))), "|")


def _read_names(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return {class_id: name for class_id, _, name in (line.partition(" ") for line in lines)}


def _read(tag: str) -> list[Row]:
    path = _KEPT / f"second.{tag}.tsv"
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    return [Row(*line.split("\t")) for line in lines]


def _write(tag: str, rows: Iterable[Row]) -> None:
    lines = ["\t".join(row) for row in [Row._fields, *rows]]
    (_KEPT / f"second.{tag}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
