"""Checks a file of names, as its author sees it: what is wrong, in which line, and what to do."""

import re
import shutil
import subprocess
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from taskworker_classifyimage.classify.labels import find_label_files

_CHECKS: Final = Path(__file__).parent.parent / "data" / "label_checks"
_LONGEST: Final = 60
_CLASS_ID: Final = re.compile(r"n[0-9]{8}")
#: Invisible characters and those of other alphabets that look like a space.
_STRAY: Final = re.compile(r"[_\t\u00a0\u00ad\u200b-\u200f\u2028-\u202e\u2060\ufeff]|  ")
_SEVERAL: Final = re.compile(r"[/;|]")
_WORD: Final = re.compile(r"[^\W\d_]+(?:[-'\u2019][^\W\d_]+)*")
#: Latin words that every language has.
_LATIN: Final = re.compile(r"CD|DVD|iPod|PDA|RV|T|TV|Polaroid")
_LATIN_LANGUAGES: Final = frozenset(
    ["cs", "da", "de", "en", "es", "fi", "fr", "hu", "it", "nb", "nl", "pl", "pt", "ro", "sv", "tr"]
)
#: The first words of the Unicode names of a language's letters.
_SCRIPTS: Final = {
    "ar": {"ARABIC"},
    "bg": {"CYRILLIC"},
    "el": {"GREEK"},
    "ja": {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "IDEOGRAPHIC"},
    "ko": {"HANGUL"},
    "ru": {"CYRILLIC"},
    "uk": {"CYRILLIC"},
    "zh-Hans": {"CJK"},
}
#: Classes that share a word in some language and must be told apart.
_PAIRS: Final = (
    ("n02012849", "n03126707"),  # crane: bird, machine
    ("n03710637", "n03710721"),  # maillot, twice
    ("n04355933", "n04356056"),  # sunglass, sunglasses
    ("n03773504", "n04008634"),  # missile, projectile
    ("n02979186", "n04392985"),  # cassette player, tape player
    ("n02808440", "n04493381"),  # bathtub, tub
    ("n02086910", "n02883205"),  # papillon, bow tie
    ("n02113186", "n02963159"),  # Cardigan: dog, garment
    ("n04026417", "n04548362"),  # purse, wallet
    ("n13133613", "n12144580"),  # ear, corn
)
#: Dictionaries of hunspell, where their name is not the language's tag.
_DICTIONARIES: Final = {
    "de": "de_DE",
    "en": "en_US",
    "es": "es_ES",
    "pt": "pt_BR",
    "ko": "ko",
    "sv": "sv_SE",
    "da": "da_DK",
    "nb": "nb_NO",
    "hu": "hu_HU",
    "it": "it_IT",
    "pl": "pl_PL",
    "cs": "cs_CZ",
    "ro": "ro_RO",
    "tr": "tr_TR",
    "el": "el_GR",
    "bg": "bg_BG",
    "ru": "ru_RU",
    "uk": "uk_UA",
    "nl": "nl",
    "fr": "fr",
    "ar": "ar",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong.

    Attributes:
        line: its number, from 1; 0: the whole file.
        text: what is wrong and what to do, for the author.
    """

    line: int
    text: str


def check_labels(path: Path, tag: str) -> list[Problem]:
    """Checks a file of names for a language.

    Args:
        path: of the file.
        tag: of the language, BCP 47; other languages than the package's get fewer checks.

    Raises:
        OSError: the file cannot be read.
    """
    content = path.read_bytes()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as err:
        line = content.count(b"\n", 0, err.start) + 1
        return [Problem(line, "this is not UTF-8; save the file as UTF-8")]
    if text.startswith("\ufeff"):
        return [Problem(1, "the file begins with a byte order mark; save it as UTF-8 without one")]
    lines = text.splitlines()
    names, problems = _parse(lines)
    problems += _check_ids(names)
    for class_id, (number, name) in names.items():
        problems += [Problem(number, each) for each in _check_name(name, tag)]
        if name in _wrong_senses(tag).get(class_id, ()):
            english = find_label_files().names("en")[class_id]
            problems.append(Problem(number, f"{name!r} is another sense of {english!r}"))
    problems += _check_alike(names)
    problems += _check_pairs(names)
    return sorted(problems, key=lambda each: each.line)


def check_spelling(path: Path, tag: str) -> list[Problem] | None:
    """Looks every word up in a dictionary of hunspell; words that were reviewed pass.

    Returns:
        The unknown words; None if the program or the dictionary is not installed.
    """
    program, dictionary = shutil.which("hunspell"), _DICTIONARIES.get(tag)
    if program is None or dictionary is None:
        return None
    names, _ = _parse(path.read_text(encoding="utf-8").splitlines())
    words = {word for _, name in names.values() for word in _WORD.findall(name)}
    found = subprocess.run(  # noqa: S603 - a fixed program; the words go to its standard input
        [program, "-d", dictionary, "-i", "utf-8", "-l"],
        input="\n".join(sorted(words)),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if found.returncode:
        return None
    reviewed = {word.casefold() for word in _read_lines(_CHECKS / f"{tag}.words")}
    unknown = {word for word in found.stdout.split() if word.casefold() not in reviewed}
    return [
        Problem(number, f"{word!r} is in no dictionary of {dictionary}")
        for number, name in names.values()
        for word in _WORD.findall(name)
        if word in unknown
    ]


def _parse(lines: list[str]) -> tuple[dict[str, tuple[int, str]], list[Problem]]:
    """Number and name by class id, and lines that are none."""
    names: dict[str, tuple[int, str]] = {}
    problems = []
    for number, line in enumerate(lines, start=1):
        class_id, _, name = line.partition(" ")
        if not _CLASS_ID.fullmatch(class_id) or not name.strip():
            problems.append(Problem(number, f"not a class id, a space and a name: {line[:80]!r}"))
        elif class_id in names:
            problems.append(Problem(number, f"{class_id} has a name in line {names[class_id][0]}"))
        else:
            names[class_id] = (number, name)
    return names, problems


def _check_ids(names: Mapping[str, tuple[int, str]]) -> Iterator[Problem]:
    english = find_label_files().names("en")
    for class_id, (number, _) in names.items():
        if class_id not in english:
            yield Problem(number, f"there is no class {class_id}")
    for class_id in english.keys() - names.keys():
        yield Problem(0, f"{class_id} ({english[class_id]}) has no name")


def _check_name(name: str, tag: str) -> Iterator[str]:
    if name != unicodedata.normalize("NFC", name):
        yield f"{name!r} has accents as characters of their own; write it in the form NFC"
    if name != name.strip() or _STRAY.search(name):
        yield f"{name!r} has an underscore, a tab, or a space too many or of another kind"
    if len(name) > _LONGEST:
        yield f"{name!r} has more than {_LONGEST} characters"
    if _SEVERAL.search(name):
        yield f"{name!r} looks like several names; keep the one that people use"
    letters = {char for char in _LATIN.sub("", name) if char.isalpha()}
    # Of another language the scripts are not known.
    allowed = _SCRIPTS.get(tag, {"LATIN"} if tag in _LATIN_LANGUAGES else set())
    strange = sorted(char for char in letters if allowed and not _is_of(char, allowed))
    if strange:
        yield f"{name!r} has letters of another script: {' '.join(strange)}"


def _is_of(char: str, scripts: set[str]) -> bool:
    # Marks that belong to letters of any script, such as Japanese and Arabic ones.
    if unicodedata.category(char) in ("Mn", "Lm"):
        return True
    return unicodedata.name(char, "?").split()[0] in scripts


def _check_alike(names: Mapping[str, tuple[int, str]]) -> Iterator[Problem]:
    seen: dict[str, tuple[int, str]] = {}
    for number, name in names.values():
        folded = unicodedata.normalize("NFKC", name).casefold().replace(" ", "")
        if folded in seen:
            line, other = seen[folded]
            yield Problem(number, f"{name!r} is the name {other!r} of line {line}; tell them apart")
        else:
            seen[folded] = (number, name)


def _check_pairs(names: Mapping[str, tuple[int, str]]) -> Iterator[Problem]:
    for one, other in _PAIRS:
        if one in names and other in names:
            (_, first), (number, second) = names[one], names[other]
            if first.casefold() == second.casefold():
                yield Problem(number, f"{one} and {other} are different things: {second!r}")


def _wrong_senses(tag: str) -> Mapping[str, frozenset[str]]:
    """Names that translators give to a class by mistake, in their language."""
    pairs = (line.partition(" ") for line in _read_lines(_CHECKS / f"{tag}.traps"))
    return {class_id: frozenset(names.split("; ")) for class_id, _, names in pairs}


def _read_lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
