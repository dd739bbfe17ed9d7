"""Which keywords of a sidecar are this program's and which its user's, and what changes.

Below the parent `auto` every keyword is this program's. A keyword without a hierarchy is this
program's if it also stands below `auto`, and nowhere else in a hierarchy. Therefore a keyword of
the user's without a hierarchy is repeated in the hierarchical fields. That is needed anyway: some
programs read the first of the fields that they find, and would not see it any more.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from taskworker_classifyimage.outputs.cells import to_unicode
from taskworker_classifyimage.outputs.xmp_fields import HIERARCHICAL, SUBJECT, TAGS, Field
from taskworker_classifyimage.outputs.xmp_packet import Change, XmpPacket

#: What all keywords of this program are below.
PARENT: Final = "auto"


#: What is no character of XML, or moves a terminal's cursor.
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ufffe\uffff]")
_DIVIDERS: Final = str.maketrans("|/", "--")
_SWAPPED: Final = str.maketrans("|/", "/|")


def clean_paths(paths: Iterable[Sequence[str]]) -> list[str]:
    """Names with what is above them as keywords, divided by "|", each once.

    Names become one line of valid XML, without what divides a hierarchy. A path that another one
    begins with is left out: programs show it anyway.
    """
    cleaned = ("|".join(filter(None, map(_clean, path))) for path in paths)
    found = [path for path in dict.fromkeys(cleaned) if path]
    return [path for path in found if not any(other.startswith(f"{path}|") for other in found)]


def plan_changes(packet: XmpPacket, wanted: Sequence[str]) -> dict[Field, Change]:
    """What to change so that just these keywords of this program are in a packet.

    Args:
        packet: what is there.
        wanted: from `clean_paths`; none removes what is there.
    """
    own_paths, paths = _divide(packet.keywords(HIERARCHICAL))
    own_tags, tags = _divide(_swap(packet.keywords(TAGS)))
    below, beside = _parts(own_paths + own_tags), _parts(paths + tags)
    flat = packet.keywords(SUBJECT)
    own_flat = [each for each in flat if _is_own(each) or (each in below and each not in beside)]
    users_flat = [each for each in flat if each not in own_flat]
    added = [f"{PARENT}|{path}" for path in wanted]
    names = dict.fromkeys(name for path in wanted for name in path.split("|"))
    # Nothing is repeated when keywords are only removed.
    repeated = [each for each in users_flat if each not in beside] if wanted else []
    repeated_tags = paths + repeated if wanted else []
    return {
        SUBJECT: _replace(own_flat, [name for name in names if name not in users_flat]),
        HIERARCHICAL: _replace(own_paths, added, _missing(repeated, paths)),
        TAGS: _replace(_swap(own_tags), _swap(added), _swap(_missing(repeated_tags, tags))),
    }


def _clean(name: str) -> str:
    text = to_unicode(name).translate(_DIVIDERS)
    return " ".join(_CONTROL.sub(" ", text).split())


def _divide(paths: Iterable[str]) -> tuple[list[str], list[str]]:
    """This program's paths, and the others."""
    own: list[str] = []
    users: list[str] = []
    for path in paths:
        (own if _is_own(path) else users).append(path)
    return own, users


def _is_own(path: str) -> bool:
    # Some programs write a whole path into the field without a hierarchy.
    return path.startswith((f"{PARENT}|", f"{PARENT}/"))


def _parts(paths: Iterable[str]) -> set[str]:
    """Every keyword of the paths, as programs write them into the field without a hierarchy."""
    return {part for path in paths for part in path.split("|")}


def _swap(paths: Iterable[str]) -> list[str]:
    """Paths divided by "|" to paths divided by "/", and back."""
    return [path.translate(_SWAPPED) for path in paths]


def _missing(wanted: Iterable[str], present: Sequence[str]) -> list[str]:
    return [each for each in dict.fromkeys(wanted) if each.strip() and each not in present]


def _replace(own: Sequence[str], wanted: Sequence[str], repeated: Sequence[str] = ()) -> Change:
    if own == wanted and not repeated:
        return Change()
    return Change(removed=frozenset(own), added=[*repeated, *wanted])
