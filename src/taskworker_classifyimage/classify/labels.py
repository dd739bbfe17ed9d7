"""Names of a model's classes in several languages."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Final

from taskworker_classifyimage.classify.base import ILSVRC2012_CLASSES, Model, OwnClasses
from taskworker_classifyimage.errors import ConfigError, ModelError

#: The fallback for every language, where it exists.
LAST_RESORT: Final = "en"
#: Tags that mean a language under another one.
_ALIASES: Final = {
    "no": "nb",
    "zh": "zh-hans",
    "zh-cn": "zh-hans",
    "zh-sg": "zh-hans",
    "zh-my": "zh-hans",
}
#: Languages that are close to one that there is.
_RELATED: Final = {"nn": "nb", "zh-hant": "zh-hans"}

_FOLDER = Path(__file__).parent.parent / "data" / "labels"
#: The form of a BCP 47 tag, as the files are named.
LANGUAGE: Final = re.compile(r"[a-z]{2,8}(-[A-Za-z0-9]{1,8}){0,8}")
#: Such as "n02123394 Perserkatze".
_LINE = re.compile(r"(n\d{8}) (\S.*)")


class Labels:
    """The classes of a model, and their names by language.

    Attributes:
        languages: the languages that exist, sorted; at least one.
        has_categories: whether some of the classes are those of ILSVRC2012.
    """

    def __init__(
        self,
        languages: Iterable[str],
        read: Callable[[str], Mapping[str, str]],
        *,
        has_categories: bool = False,
    ) -> None:
        """Takes a function that returns a language's names by class id, in order of the classes."""
        self.languages = sorted(languages)
        self.has_categories = has_categories
        self._read = read
        self._by_tag = {language.lower(): language for language in self.languages}
        self._sha256: dict[str, str] = {}

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Class ids by class index."""
        return tuple(self._read(self.resolve(LAST_RESORT)[0]))

    def names(self, language: str) -> Mapping[str, str]:
        """The names in one of `languages`, by class id; they are read when first asked for.

        Raises:
            ModelError: they are damaged or incomplete.
        """
        return self._read(language)

    def sha256(self, language: str) -> str:
        """SHA-256 of the names as a file with a line "ID NAME" for each class, in hexadecimal."""
        if language not in self._sha256:
            lines = "".join(
                f"{class_id} {name}\n" for class_id, name in self._read(language).items()
            )
            self._sha256[language] = hashlib.sha256(lines.encode()).hexdigest()
        return self._sha256[language]

    def check(self) -> None:
        """Reads every language, so that damage is found at the start.

        Raises:
            ModelError: names are damaged or incomplete.
        """
        for language in self.languages:
            self.names(language)

    def resolve(self, tag: str) -> tuple[str, bool]:
        """Finds the best language for a BCP 47 tag, and whether it is the one asked for.

        With de and en, "DE" gives ("de", True), "de-AT" ("de", False), "xx" ("en", False). "no"
        and "zh-CN" mean nb and zh-Hans.
        """
        subtags = tag.lower().replace("_", "-").split("-")
        known = self._by_tag
        for length in range(len(subtags), 0, -1):
            asked = "-".join(subtags[:length])
            meant = _ALIASES.get(asked, asked)
            if meant in known:
                return known[meant], length == len(subtags)
            if _RELATED.get(meant) in known:
                return known[_RELATED[meant]], False
        return known.get(LAST_RESORT, self.languages[0]), False


def labels_of(model: Model) -> Labels:
    """The labels of a model's classes.

    Classes with the ids of ILSVRC2012 have the names of those, unless the model has others. For
    others without names, the ids stand in.
    """
    usual = find_label_files(further=model.labels_dir)
    if model.classes is None:
        return usual
    return _OwnLabels(model.classes, usual).labels()


class _OwnLabels:
    """The names of a model's own classes, and of those of ILSVRC2012 among them."""

    def __init__(self, classes: OwnClasses, usual: Labels) -> None:
        self._classes, self._usual = classes, usual
        self._shared = frozenset(classes.ids) & frozenset(usual.ids)

    def labels(self) -> Labels:
        languages = set(self._classes.names) or {LAST_RESORT}
        if len(self._shared) == len(self._classes.ids):
            languages |= set(self._usual.languages)
        return Labels(languages, cache(self._read), has_categories=bool(self._shared))

    def _read(self, language: str) -> Mapping[str, str]:
        ids = self._classes.ids
        own = dict(zip(ids, self._classes.names.get(language, ids), strict=True))
        # A name that is the id alone is none.
        missing = [each for each in ids if own[each] == each and each in self._shared]
        if not missing:
            return own
        usual = self._usual.names(self._usual.resolve(language)[0])
        return own | {each: usual[each] for each in missing}


def find_label_files(folder: Path = _FOLDER, further: Path | None = None) -> Labels:
    """The 1000 classes of ILSVRC2012: files `LANGUAGE.names`, each read when it is first needed.

    Args:
        folder: those of the package.
        further: has more of them, or some instead of those.

    Raises:
        ConfigError: `further` is no folder, or has no such file.
    """
    paths = {path.stem: path for path in folder.glob("*.names")}
    if further is not None:
        added = {path.stem: path for path in sorted(further.glob("*.names"))}
        if not added:
            raise ConfigError(f"labels-dir {further}: there is no file such as fr.names")
        for tag, path in added.items():
            if not LANGUAGE.fullmatch(tag):
                raise ConfigError(f"{path}: {tag!r} is not a language tag such as 'fr'")
        paths |= added
    return Labels(paths, lambda language: read_names(paths[language]), has_categories=True)


@cache
def read_names(path: Path) -> dict[str, str]:
    """Reads a file of names: 1000 lines "ID NAME".

    Raises:
        ModelError: it is damaged or incomplete; the message names the line.
    """
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
    # ILSVRC2012 numbers its classes in the order of their ids.
    return dict(sorted(names.items()))
