"""Names of a model's classes in several languages."""

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Final

from taskworker_classifyimage.classify.base import ILSVRC2012_CLASSES, Model, OwnClasses
from taskworker_classifyimage.errors import ModelError

#: The fallback for every language, where it exists.
LAST_RESORT: Final = "en"

_FOLDER = Path(__file__).parent.parent / "data" / "labels"
_LINE = re.compile(r"(n\d{8}) (\S.*)")


class Labels(ABC):
    """The classes of a model, and their names by language."""

    @property
    @abstractmethod
    def languages(self) -> list[str]:
        """The languages that exist, sorted; at least one."""

    @property
    @abstractmethod
    def ids(self) -> Sequence[str]:
        """Class ids by class index."""

    @abstractmethod
    def names(self, language: str) -> Mapping[str, str]:
        """The names in one of `languages`, by class id.

        Raises:
            ModelError: they are damaged or incomplete.
        """

    @abstractmethod
    def sha256(self, language: str) -> str:
        """SHA-256 of the names in one of `languages`, in hexadecimal."""

    def check(self) -> None:
        """Reads every language, so that damage is found at the start.

        Raises:
            ModelError: names are damaged or incomplete.
        """
        for language in self.languages:
            self.names(language)

    def resolve(self, tag: str) -> tuple[str, bool]:
        """Finds the best language for a BCP 47 tag, and whether it is the one asked for.

        With de and en, "DE" gives ("de", True), "de-AT" ("de", False), "xx" ("en", False).
        """
        subtags = tag.lower().replace("_", "-").split("-")
        known = {language.lower(): language for language in self.languages}
        for length in range(len(subtags), 0, -1):
            language = known.get("-".join(subtags[:length]))
            if language is not None:
                return language, length == len(subtags)
        return known.get(LAST_RESORT, self.languages[0]), False


def labels_of(model: Model) -> Labels:
    """The labels of a model's classes."""
    return LabelFiles() if model.classes is None else OwnLabels(model.classes)


class LabelFiles(Labels):
    """The 1000 classes of ILSVRC2012: a folder of files `LANGUAGE.names`, each read on first use.

    A file has 1000 lines "n02123394 Perserkatze".
    """

    def __init__(self, folder: Path = _FOLDER) -> None:
        self._folder = folder

    @cached_property
    def languages(self) -> list[str]:
        """The languages that exist, sorted."""
        return sorted(path.stem for path in self._folder.glob("*.names"))

    @cached_property
    def ids(self) -> Sequence[str]:
        """Synset ids by class index: ILSVRC2012 numbers its classes in the order of their ids."""
        return sorted(self.names(LAST_RESORT))

    def names(self, language: str) -> Mapping[str, str]:
        """The names in one of `languages`, by synset id.

        Raises:
            ModelError: the file is missing, damaged or incomplete.
        """
        return _read_names(self._folder / f"{language}.names")

    def sha256(self, language: str) -> str:
        """SHA-256 of the language's file, in hexadecimal."""
        return _hash_file(self._folder / f"{language}.names")


class OwnLabels(Labels):
    """The classes of a pack that brings its own; without names, the ids stand in for them."""

    def __init__(self, classes: OwnClasses) -> None:
        self._ids = classes.ids
        self._names = {
            language: dict(zip(classes.ids, names, strict=True))
            for language, names in classes.names.items()
        } or {LAST_RESORT: dict(zip(classes.ids, classes.ids, strict=True))}

    @property
    def languages(self) -> list[str]:
        """The languages that exist, sorted."""
        return sorted(self._names)

    @property
    def ids(self) -> Sequence[str]:
        """Class ids by class index."""
        return self._ids

    def names(self, language: str) -> Mapping[str, str]:
        """The names in one of `languages`, by class id."""
        return self._names[language]

    def sha256(self, language: str) -> str:
        """SHA-256 of the names written as a file of names, a line "ID NAME" for each class."""
        lines = (f"{class_id} {name}\n" for class_id, name in self._names[language].items())
        return hashlib.sha256("".join(lines).encode()).hexdigest()


@cache
def _hash_file(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@cache
def _read_names(path: Path) -> dict[str, str]:
    names: dict[str, str] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as err:
        raise ModelError(f"{path}: {err}") from None
    for number, line in enumerate(lines, start=1):
        match = _LINE.fullmatch(line)
        if match is None or match[1] in names:
            raise ModelError(f"{path}: line {number} is not a synset id and a name: {line!r}")
        names[match[1]] = match[2]
    if len(names) != ILSVRC2012_CLASSES:
        raise ModelError(f"{path} has {len(names)} names, not {ILSVRC2012_CLASSES}")
    return names
