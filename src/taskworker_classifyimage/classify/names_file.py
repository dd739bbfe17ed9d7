"""A pack's `names.toml`: names of its classes in further languages, by class id.

[de]
cup = "Tasse"
"Gray Leaf Spot" = "Graufleckenkrankheit"
"""

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from taskworker_classifyimage.classify.base import OwnClasses
from taskworker_classifyimage.classify.labels import LANGUAGE, find_label_files
from taskworker_classifyimage.classify.model_pack import (
    DESCRIPTION_LIMIT_BYTES,
    has_member,
    read_member,
)
from taskworker_classifyimage.classify.toml_table import TomlTable

NAMES_FILE: Final = "names.toml"


def add_names(pack: Path, classes: OwnClasses | None) -> OwnClasses | None:
    """The classes with the names in the pack's file, if there is one.

    Args:
        pack: the folder or zip.
        classes: as its description has them; None for those of ILSVRC2012.

    Raises:
        ModelError: the file is wrong, or a language does not name every class. Those of ILSVRC2012
            have names already.
    """
    if not has_member(pack, NAMES_FILE):
        return classes
    table = TomlTable(
        f"{pack}: {NAMES_FILE}", read_member(pack, NAMES_FILE, DESCRIPTION_LIMIT_BYTES)
    )
    if classes is None:
        table.refuse(NAMES_FILE, "is for classes of your own; --labels-dir adds names of the usual")
    added = {language: _read_language(table, language, classes) for language in table.list_keys()}
    return OwnClasses(classes.ids, {**classes.names, **added})


def _read_language(table: TomlTable, language: str, classes: OwnClasses) -> tuple[str, ...]:
    if not LANGUAGE.fullmatch(language):
        table.refuse(language, "is not a language tag such as 'de'")
    given = table.get_all_texts(language)
    for class_id in given:
        if class_id not in classes.ids:
            near = get_close_matches(class_id, classes.ids, n=1)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            table.refuse(language, f"names {class_id!r}, which is no class of this pack{meant}")
    known = dict(zip(classes.ids, classes.names.get(language, ()), strict=False)) | given
    usual = find_label_files()
    # Their names are put in where the id stands.
    synsets = frozenset(usual.ids) if language in usual.languages else frozenset()
    return tuple(_names(table, language, classes, known, synsets))


def _names(
    table: TomlTable,
    language: str,
    classes: OwnClasses,
    known: dict[str, str],
    synsets: frozenset[str],
) -> Iterator[str]:
    for class_id in classes.ids:
        if class_id not in known and class_id not in synsets:
            table.refuse(language, f"has no name for {class_id!r}")
        yield known.get(class_id, class_id)
