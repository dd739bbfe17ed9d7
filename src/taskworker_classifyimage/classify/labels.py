"""Names of the 1000 classes in several languages, keyed by synset id."""

import re
from functools import cache, cached_property
from pathlib import Path
from typing import Final

from taskworker_classifyimage.classify.model_pack import ILSVRC2012_CLASSES
from taskworker_classifyimage.errors import ModelError

#: Has to be there: what every language falls back to in the end.
LAST_RESORT: Final = "en"

_FOLDER = Path(__file__).parent.parent / "data" / "labels"
_LINE = re.compile(r"(n\d{8}) (\S.*)")


class Labels:
    """The label files of a folder, one `LANGUAGE.names` a language, each read when first asked for.

    A file has 1000 lines "n02123394 Perserkatze".
    """

    def __init__(self, folder: Path = _FOLDER) -> None:
        self._folder = folder
        self._read = cache(_read_names)

    @cached_property
    def languages(self) -> list[str]:
        """The languages there are, sorted."""
        return sorted(path.stem for path in self._folder.glob("*.names"))

    @cached_property
    def synsets(self) -> list[str]:
        """Synset ids by class index: ILSVRC2012 numbers its classes in the order of their ids."""
        return sorted(self.names(LAST_RESORT))

    def names(self, language: str) -> dict[str, str]:
        """Names of one language that is in `languages`, by synset id.

        Raises:
            ModelError: the file is missing, damaged or incomplete.
        """
        return self._read(self._folder / f"{language}.names")

    def resolve(self, tag: str) -> tuple[str, bool]:
        """The best language there is for a BCP 47 tag, and whether it is the one asked for.

        "DE" gives ("de", True), "de-AT" gives ("de", False), "xx" gives ("en", False).
        """
        subtags = tag.lower().replace("_", "-").split("-")
        known = {language.lower(): language for language in self.languages}
        for length in range(len(subtags), 0, -1):
            language = known.get("-".join(subtags[:length]))
            if language is not None:
                return language, length == len(subtags)
        return LAST_RESORT, False


def _read_names(path: Path) -> dict[str, str]:
    names: dict[str, str] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as err:
        raise ModelError(f"{path}: {err}") from None
    for number, line in enumerate(lines, start=1):
        match = _LINE.fullmatch(line)
        if match is None or match[1] in names:
            raise ModelError(f"{path}: line {number} is not one synset id and its name; {line!r}")
        names[match[1]] = match[2]
    if len(names) != ILSVRC2012_CLASSES:
        raise ModelError(f"{path} has {len(names)} names, not {ILSVRC2012_CLASSES}")
    return names
