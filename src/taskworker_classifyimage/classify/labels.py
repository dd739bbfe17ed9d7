"""Names of a model's classes in several languages."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Final

from taskworker_classifyimage.classify.base import ILSVRC2012_CLASSES, Model
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
        is_ilsvrc2012: whether the classes are those of ILSVRC2012.
    """

    def __init__(
        self,
        languages: Iterable[str],
        read: Callable[[str], Mapping[str, str]],
        *,
        is_ilsvrc2012: bool = False,
    ) -> None:
        """Takes a function that returns a language's names by class id, in order of the classes."""
        self.languages = sorted(languages)
        self.is_ilsvrc2012 = is_ilsvrc2012
        self._read = read
        self._sha256: dict[str, str] = {}

    @cached_property
    def ids(self) -> Sequence[str]:
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
        known = {language.lower(): language for language in self.languages}
        for length in range(len(subtags), 0, -1):
            asked = "-".join(subtags[:length])
            meant = _ALIASES.get(asked, asked)
            if meant in known:
                return known[meant], length == len(subtags)
            if _RELATED.get(meant) in known:
                return known[_RELATED[meant]], False
        return known.get(LAST_RESORT, self.languages[0]), False


def labels_of(model: Model) -> Labels:
    """The labels of a model's classes; for classes without names, the ids stand in for them."""
    if model.classes is None:
        return find_label_files(further=model.labels_dir)
    ids = model.classes.ids
    names = {
        language: dict(zip(ids, texts, strict=True))
        for language, texts in (model.classes.names or {LAST_RESORT: ids}).items()
    }
    return Labels(names, names.__getitem__)


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
    return Labels(paths, lambda language: read_names(paths[language]), is_ilsvrc2012=True)


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
