"""Classes in a text file, one a line, as tools that train networks write them."""

import re
from collections import Counter
from typing import Final

from taskworker_classifyimage.classify.base import OwnClasses
from taskworker_classifyimage.errors import ModelError

_LONGEST: Final = 500
_NUMBERED: Final = re.compile(r"(\d+)[ \t]+(\S.*)")
#: An id, and its English name: after a tab, or after a space if the id is a synset's.
_WITH_ID: Final = re.compile(r"([^\t]+)\t+(\S.*)|(n\d{8}) +(\S.*)")


def read_class_lines(content: bytes, subject: str, *, may_repeat: bool = False) -> OwnClasses:
    """Reads classes in the order of the network's outputs.

    A line is a class' name, which is its id too: "Gray Leaf Spot". Numbers that run 0, 1, 2... in
    front of all names are left out, as Teachable Machine writes them: "0 With Mask". A line may
    also be an id and an English name: "n02123394 Persian cat", or any id, a tab and the name.

    Args:
        content: of the file.
        subject: the file, for messages.
        may_repeat: whether two classes may have one name, as "crane" of ImageNet; the number of
            the output then tells their ids apart.

    Raises:
        ModelError: a line is no class, or is there twice; the message names it.
    """
    try:
        lines = content.decode("utf-8-sig").rstrip().splitlines()
    except UnicodeDecodeError as err:
        raise ModelError(f"{subject} is not text in UTF-8: {err}") from None
    if not lines:
        raise ModelError(f"{subject} has no lines")
    for number, line in enumerate(lines, start=1):
        if not line.strip() or not line.replace("\t", "").isprintable() or len(line) > _LONGEST:
            raise ModelError(f"{subject}: line {number} is not a class' name")
    classes = [_read_line(line) for line in _without_numbers(lines)]
    times = Counter(class_id for class_id, _ in classes)
    names = dict[str, str]()
    for index, (class_id, name) in enumerate(classes):
        own = f"{class_id} ({index})" if may_repeat and times[class_id] > 1 else class_id
        if own in names:
            raise ModelError(f"{subject}: line {index + 1}: there is a {own!r} already")
        names[own] = name
    has_names = any(class_id != name for class_id, name in names.items())
    return OwnClasses(tuple(names), {"en": tuple(names.values())} if has_names else {})


def _read_line(line: str) -> tuple[str, str]:
    """An id and a name, which may be the same."""
    match = _WITH_ID.fullmatch(line)
    if match is None:
        return line, line
    class_id, name = (part.strip() for part in match.groups() if part)
    return class_id, name


def _without_numbers(lines: list[str]) -> list[str]:
    lines = [line.strip() for line in lines]
    numbered = [_NUMBERED.fullmatch(line) for line in lines]
    if any(match is None or int(match[1]) != index for index, match in enumerate(numbered)):
        return lines
    return [match[2] for match in numbered if match is not None]
