import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from taskworker_classifyimage.outputs.vics_medium import (
    CLASSES,
    MODEL,
    OWN_TAGS,
    MediumUnusual,
    Notes,
    annotate,
    clean_names,
)

NAMES = st.lists(st.text(max_size=8), max_size=3).map(clean_names)
DETAILS = st.fixed_dictionaries({CLASSES: st.text(max_size=8), MODEL: st.just("M")})
NOTES = st.builds(Notes, NAMES, DETAILS)
#: Tags of users, in all forms; some are likely to be the same as a name.
TAG = st.sampled_from(["cat", "CAT", "caf\u00e9", "a, b", "x;y", "", " cat "]) | st.text(max_size=6)
TAGS = (
    st.none()
    | TAG
    | st.lists(TAG, max_size=3)
    | st.lists(st.fixed_dictionaries({"Name": TAG, "Id": st.integers()}), max_size=3)
)
PROPERTIES = st.none() | st.lists(
    st.fixed_dictionaries({"PropertyName": st.text(max_size=4), "PropertyValue": st.text()})
    | st.integers(),
    max_size=3,
)
OTHER = st.none() | st.integers() | st.floats(allow_nan=False) | st.text() | st.lists(st.integers())


@st.composite
def media(draw: st.DrawFn) -> str:
    """The text of a medium as any program might write it."""
    fields: dict[str, object] = draw(
        st.dictionaries(st.sampled_from(["MD5", "Category", "\u00e4", "X", ""]), OTHER, max_size=4)
    )
    if draw(st.booleans()):
        fields["Tags"] = draw(TAGS)
    if draw(st.booleans()):
        fields["MediaMetadata"] = draw(PROPERTIES)
    keys = draw(st.permutations(list(fields)))
    indent = draw(st.sampled_from([None, 2, "\t"]))
    separators = draw(st.sampled_from([None, (",", ":"), (" , ", " : ")]))
    ordered = {key: fields[key] for key in keys}
    text = json.dumps(
        ordered, indent=indent, separators=separators, ensure_ascii=draw(st.booleans())
    )
    return text.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))


def load(text: str) -> dict[str, object]:
    """With numbers as they are written."""
    loaded = json.loads(
        text, parse_int=lambda each: ("int", each), parse_float=lambda each: ("float", each)
    )
    assert isinstance(loaded, dict)
    return loaded


def tags_of(text: str) -> list[str]:
    tags = load(text).get("Tags") or []
    if isinstance(tags, str):
        divider = next((each for each in ";|," if each in tags), ",")
        return [each.strip() for each in tags.split(divider)]
    assert isinstance(tags, list)
    return [each["Name"] if isinstance(each, dict) else each for each in tags]


def own_of(text: str) -> dict[str, str]:
    entries = load(text).get("MediaMetadata") or []
    assert isinstance(entries, list)
    named = [each for each in entries if isinstance(each, dict)]
    return {
        each["PropertyName"]: each["PropertyValue"]
        for each in named
        if str(each["PropertyName"]).startswith("ClassifyImage ")
    }


@given(media(), NOTES)
@example('{"Tags":"cat"}', Notes(["cat"], {}))
@example('{"Tags":"","Category":1}', Notes(["cat"], {}))
def test_all_else_stays_in_its_order(text: str, notes: Notes) -> None:
    """Category and unknown fields as they were, numbers and texts to the letter."""
    before, after = load(text), load(annotate(text, notes))
    changed = ("Tags", "MediaMetadata")
    assert [item for item in after.items() if item[0] not in changed] == [
        item for item in before.items() if item[0] not in changed
    ]
    assert [key for key in after if key in before] == list(before)
    for key in changed:
        old, new = before.get(key), after.get(key)
        if isinstance(old, list):
            assert isinstance(new, list)
            assert new[: len(old)] == old
        elif old:
            assert isinstance(new, str)
            assert new.startswith(str(old))


@given(media(), NOTES)
def test_each_name_is_a_tag_once(text: str, notes: Notes) -> None:
    """Whether it was one before or not; only the new ones are noted as ours."""
    after = annotate(text, notes)
    folded = [each.casefold() for each in tags_of(after)]
    for name in notes.names:
        assert name.casefold() in folded
    own = own_of(after).get(OWN_TAGS, "").split(", ")
    assert [each for each in own if each] == [
        name for name in notes.names if name.casefold() not in _folded(text)
    ]


def _folded(text: str) -> set[str]:
    return {each.casefold() for each in tags_of(text)}


@given(media(), NOTES, NOTES)
def test_a_second_run_replaces_what_the_first_has_added(
    text: str, first: Notes, second: Notes
) -> None:
    """And leaves no trace of it; the same notes again change nothing."""
    once = annotate(text, first)
    assert annotate(once, first) == once
    twice, direct = annotate(once, second), annotate(text, second)
    assert tags_of(twice) == tags_of(direct)
    assert own_of(twice) == own_of(direct)
    assert load(twice).get("MediaMetadata") == load(direct).get("MediaMetadata")


@pytest.mark.parametrize(
    ("tags", "after"),
    [
        ("null", '"Persian cat, tabby"'),
        ('""', '"Persian cat, tabby"'),
        ('"mine"', '"mine, Persian cat, tabby"'),
        ('"mine;yours"', '"mine;yours; Persian cat; tabby"'),
        ('"a|b"', '"a|b|Persian cat|tabby"'),
        ('"TABBY, caf\\u00e9"', '"TABBY, caf\\u00e9, Persian cat"'),
        ("[]", '["Persian cat","tabby"]'),
        ('[ "tabby" ]', '[ "tabby", "Persian cat" ]'),
        ('[{"Name": "mine"}]', '[{"Name": "mine"},{"Name": "Persian cat"},{"Name": "tabby"}]'),
    ],
)
def test_tags_keep_their_form(tags: str, after: str) -> None:
    text = annotate(f'{{"A": 1.50, "Tags": {tags}}}', Notes(["Persian cat", "tabby"], {}))
    assert text.startswith(f'{{"A": 1.50, "Tags": {after}, "MediaMetadata": [')


def test_new_fields_are_laid_out_as_the_others() -> None:
    text = '{\r\n\t"MD5":\t"0"\r\n}'
    after = annotate(text, Notes(["cat"], {CLASSES: "n1 cat 0.9"}))
    assert after == (
        '{\r\n\t"MD5":\t"0",\r\n\t"Tags":\t"cat",\r\n\t"MediaMetadata":\t'
        '[{"PropertyName": "ClassifyImage Classes", "PropertyValue": "n1 cat 0.9"},'
        '{"PropertyName": "ClassifyImage Tags", "PropertyValue": "cat"}]\r\n}'
    )


@pytest.mark.parametrize(
    "fields",
    [
        '"Tags": 1',
        '"Tags": {"Name": "a"}',
        '"Tags": ["a", 1]',
        '"Tags": [{"Label": "a"}]',
        '"MediaMetadata": "a"',
        '"MediaMetadata": {"A": 1}',
    ],
)
def test_what_is_not_understood_is_not_changed(fields: str) -> None:
    with pytest.raises(MediumUnusual):
        annotate(f"{{{fields}}}", Notes(["cat"], {}))


def test_names_hold_nothing_that_divides_tags_or_moves_a_cursor() -> None:
    assert clean_names(["tabby, tabby cat", "a;b|c", "\x1b[2J\n x\t", "", " , ", "caf\udce9"]) == [
        "tabby tabby cat",
        "a b c",
        "[2J x",
        "caf\\udce9",
    ]
