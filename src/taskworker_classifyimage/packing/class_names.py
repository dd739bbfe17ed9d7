"""Classes of a network of which only names are known, in the order of its outputs."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from taskworker_classifyimage.classify.base import OwnClasses
from taskworker_classifyimage.classify.labels import LAST_RESORT, find_label_files
from taskworker_classifyimage.classify.synonyms import synonyms_of
from taskworker_classifyimage.errors import ModelError

_LONGEST: Final = 500
#: Of the names of ILSVRC2012, so many have to be known: lists differ in a few.
_KNOWN_SHARE: Final = 0.9


def to_classes(names: Sequence[str], subject: str) -> OwnClasses | None:
    """The classes with these names, which are their ids too.

    Args:
        names: by class index. Of two that are equal, both ids tell the index.
        subject: says where the names are from, for messages.

    Returns:
        None if they are the classes of ILSVRC2012, which have synset ids and more names.

    Raises:
        ModelError: there are none, or one is no text to show.
    """
    if not names:
        raise ModelError(f"{subject} names no classes")
    for index, name in enumerate(names):
        if not name.strip() or len(name) > _LONGEST or not name.isprintable():
            raise ModelError(f"{subject}: class {index} has no printable name: {name[:40]!r}")
    if is_ilsvrc2012(names):
        return None
    clean = [name.strip() for name in names]
    times = Counter(clean)
    ids = tuple(
        name if times[name] == 1 else f"{name} ({index})" for index, name in enumerate(clean)
    )
    if len(set(ids)) != len(ids):
        raise ModelError(f"{subject} names a class twice")
    return OwnClasses(ids, {} if ids == tuple(clean) else {LAST_RESORT: tuple(clean)})


def is_ilsvrc2012(names: Sequence[str]) -> bool:
    """Whether these are names of the 1000 classes of ILSVRC2012, in their order.

    Such as "tench", "Tinca_tinca" or "tench, Tinca tinca", and their synset ids.
    """
    usual = find_label_files().names(LAST_RESORT)
    if len(names) != len(usual):
        return False
    known = sum(
        not _words(given).isdisjoint(_words(", ".join((class_id, name, *synonyms_of(class_id)))))
        for given, (class_id, name) in zip(names, usual.items(), strict=True)
    )
    return known >= _KNOWN_SHARE * len(names)


def _words(names: str) -> set[str]:
    """Names that are separated by commas, in a form that can be compared."""
    return {re.sub(r"[\W_]+", " ", name).strip().casefold() for name in names.split(",")}
