"""Changes one medium of a case of Project VIC: names go into its tags, details into its metadata.

Values are replaced where they stand, so that every other byte of the medium stays. What an earlier
run has added is known by its metadata, and is replaced.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, cast

from taskworker_classifyimage.outputs.cells import to_unicode

#: Which names of `Tags` are this program's.
OWN_TAGS: Final = "ClassifyImage Tags"
#: What else this program adds to `MediaMetadata`.
CLASSES: Final = "ClassifyImage Classes"
CATEGORIES: Final = "ClassifyImage Categories"
MODEL: Final = "ClassifyImage Model"
VERSION: Final = "ClassifyImage Version"
_OWN: Final = (CLASSES, CATEGORIES, OWN_TAGS, MODEL, VERSION)
#: What divides tags in a text: the first one that is in it, else a comma.
_DIVIDERS: Final = (";", "|", ",")
#: What no name may hold: dividers, and what moves a terminal's cursor.
_NO_NAME: Final = re.compile(r"[;|,\s\x00-\x1f\x7f-\x9f]+")
_BLANKS: Final = re.compile(r"[ \t\r\n]*")
#: The next key of an object, with what stands around it.
_KEY: Final = re.compile(
    r'[ \t\r\n]*,?[ \t\r\n]*("(?:[^"\\]|\\.)*")[ \t\r\n]*:[ \t\r\n]*', re.DOTALL
)
#: As that of `pieces`, so that both accept the same.
_DECODER: Final = json.JSONDecoder(parse_int=float, strict=False)
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False)


class MediumUnusual(Exception):
    """Its tags or metadata have a form that is not known; it is left as it is."""


@dataclass(frozen=True, slots=True)
class Notes:
    """What is written into a medium.

    Attributes:
        names: for its tags, from `clean_names`.
        details: for its metadata, by their names.
    """

    names: Sequence[str]
    details: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Item:
    """An item of a list, and where it stands in its text."""

    value: object
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Member(_Item):
    """A value of an object; its key stands between `key_start` and `key_end`."""

    key: str
    key_start: int
    key_end: int


def clean_names(names: Iterable[str]) -> list[str]:
    """Names as tags, each once: one line without what divides tags."""
    cleaned = (" ".join(filter(None, _NO_NAME.split(to_unicode(name)))) for name in names)
    return [name for name in dict.fromkeys(cleaned) if name]


def annotate(text: str, notes: Notes) -> str:
    """The text of a medium with these notes; the same text if they are in it already.

    Raises:
        MediumUnusual: its tags or metadata have a form that is not known.
    """
    members = _find_members(text)
    known = {member.key.lower(): member for member in members}
    tags, metadata = known.get("tags"), known.get("mediametadata")
    own = _find_own_tags(metadata)
    new_tags, added = _change_tags(_text_of(tags, text), own, notes.names)
    details = {**notes.details, OWN_TAGS: ", ".join(added)}
    new_metadata = _change_metadata(_text_of(metadata, text), details)
    edits = [
        (each.start, each.end, new)
        for each, new in ((tags, new_tags), (metadata, new_metadata))
        if each
    ]
    missing = {
        key: new
        for key, each, new in (("Tags", tags, new_tags), ("MediaMetadata", metadata, new_metadata))
        if each is None and new != "null"
    }
    edits.append(_add_members(text, members, missing))
    # From the end on, so that places before stay.
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _text_of(member: _Member | None, text: str) -> str:
    return "null" if member is None else text[member.start : member.end]


def _find_own_tags(metadata: _Member | None) -> list[str]:
    entries = metadata.value if metadata else None
    for each in entries if isinstance(entries, list) else ():
        if isinstance(each, dict) and each.get("PropertyName") == OWN_TAGS:
            return str(each.get("PropertyValue")).split(", ")
    return []


def _change_tags(old: str, own: Sequence[str], names: Sequence[str]) -> tuple[str, list[str]]:
    """The JSON of tags without `own` and with the names that are missing, and these names."""
    if old == "null":
        return (_encode(", ".join(names)) if names else old), list(names)
    if old.startswith('"'):
        return _change_text(old, own, names)
    if old.startswith("["):
        return _change_list(old, own, names)
    raise MediumUnusual


def _change_text(old: str, own: Sequence[str], names: Sequence[str]) -> tuple[str, list[str]]:
    inside = old[1:-1]
    divider = next((each for each in _DIVIDERS if each in inside), ",")
    # No escape has a divider in it, so that each part is JSON for itself.
    parts = [(part, _decode(part).strip()) for part in inside.split(divider)] if inside else []
    kept = [part for part, tag in parts if tag not in own]
    known = {tag.casefold() for _, tag in parts if tag not in own}
    added = [name for name in names if name.casefold() not in known]
    blank = "" if divider == "|" else " "
    new = [blank + _encode(name)[1:-1] for name in added]
    joined = divider.join([*kept, *new])
    return f'"{joined if kept else joined.removeprefix(blank)}"', added


def _change_list(old: str, own: Sequence[str], names: Sequence[str]) -> tuple[str, list[str]]:
    items = _find_items(old)
    kept = [item for item in items if _name_in(item.value) not in own]
    known = {_name_in(item.value).casefold() for item in kept}
    added = [name for name in names if name.casefold() not in known]
    are_objects = bool(items) and isinstance(items[0].value, dict)
    new = [_encode({"Name": name} if are_objects else name) for name in added]
    return _join_items(old, items, kept, new), added


def _name_in(item: object) -> str:
    """The text of an item of a list of tags."""
    name = item.get("Name") if isinstance(item, dict) else item
    if not isinstance(name, str):
        raise MediumUnusual
    return name


def _change_metadata(old: str, details: Mapping[str, str]) -> str:
    new = [
        _encode({"PropertyName": name, "PropertyValue": value})
        for name, value in details.items()
        if value
    ]
    if old == "null":
        return f"[{','.join(new)}]"
    if not old.startswith("["):
        raise MediumUnusual
    items = _find_items(old)
    return _join_items(old, items, [item for item in items if not _is_own(item.value)], new)


def _is_own(entry: object) -> bool:
    return isinstance(entry, dict) and entry.get("PropertyName") in _OWN


def _join_items(
    text: str, items: Sequence[_Item], kept: Sequence[_Item], new: Sequence[str]
) -> str:
    """The JSON of a list with some of its items, divided as they were, and new ones behind them."""
    if not items:
        return f"[{','.join(new)}]"
    head, tail = text[: items[0].start], text[items[-1].end :]
    gaps = {item.start: text[before.end : item.start] for before, item in pairwise(items)}
    gap = gaps.get(items[-1].start, f",{head[1:]}")
    parts = [(gaps.get(item.start, gap), text[item.start : item.end]) for item in kept]
    parts += [(gap, each) for each in new]
    joined = "".join(f"{divider}{each}" for divider, each in parts)
    return head + joined.removeprefix(parts[0][0] if parts else "") + tail


def _add_members(
    text: str, members: Sequence[_Member], missing: Mapping[str, str]
) -> tuple[int, int, str]:
    """An edit that adds members behind the last one, written as this is."""
    if not members:
        added = ",".join(f"{_encode(key)}:{value}" for key, value in missing.items())
        return 1, 1, added
    last = members[-1]
    before = text[: last.key_start]
    blanks = before[len(before.rstrip(" \t\r\n")) :]
    colon = text[last.key_end : last.start]
    added = "".join(f",{blanks}{_encode(key)}{colon}{value}" for key, value in missing.items())
    return last.end, last.end, added


def _find_items(text: str) -> list[_Item]:
    """The items of a list, which is valid JSON."""
    items: list[_Item] = []
    at = _skip(text, 1)
    while text[at] != "]":
        value, end = _DECODER.raw_decode(text, at)
        items.append(_Item(value, at, end))
        at = _skip(text, end)
        at = _skip(text, at + 1) if text[at] == "," else at
    return items


def _find_members(text: str) -> list[_Member]:
    """The members of an object, which is valid JSON."""
    members: list[_Member] = []
    end = 1
    while found := _KEY.match(text, end):
        key_start, key_end, start = found.start(1), found.end(1), found.end()
        value, end = _DECODER.raw_decode(text, start)
        key = _decode(text[key_start + 1 : key_end - 1])
        members.append(_Member(value, start, end, key, key_start, key_end))
    return members


def _skip(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    return at if found is None else found.end()


def _encode(value: object) -> str:
    return _ENCODER.encode(value)


def _decode(part: str) -> str:
    return cast("str", _DECODER.decode(f'"{part}"')) if "\\" in part else part
