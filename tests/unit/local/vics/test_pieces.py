import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.vics import CONTEXT
from taskworker_classifyimage.local.vics import pieces
from taskworker_classifyimage.local.vics.pieces import CaseDamaged, Medium, read_pieces

KEYS = st.text(max_size=4).filter(lambda key: key.lower() not in ("media", "value"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=4)


def split(content: bytes, folder: Path) -> list[str | Medium]:
    path = folder / "case.json"
    path.write_bytes(content)
    return list(read_pieces(path))


def join(found: list[str | Medium]) -> bytes:
    texts = [piece if isinstance(piece, str) else piece.text for piece in found]
    return "".join(texts).encode("utf-8", "surrogateescape")


def media_of(found: list[str | Medium]) -> list[Medium]:
    return [piece for piece in found if isinstance(piece, Medium)]


@given(
    cases=st.lists(st.tuples(OBJECTS, st.lists(OBJECTS, max_size=4), OBJECTS), max_size=3),
    around=st.tuples(OBJECTS, OBJECTS),
    indent=st.sampled_from([None, 1, "\t"]),
    is_ascii=st.booleans(),
    mark=st.sampled_from([b"", b"\xef\xbb\xbf"]),
)
def test_the_pieces_are_the_file_and_the_media_are_found(
    tmp_path_factory: pytest.TempPathFactory,
    cases: list[tuple[dict[str, object], list[dict[str, object]], dict[str, object]]],
    around: tuple[dict[str, object], dict[str, object]],
    indent: int | str | None,
    is_ascii: bool,
    mark: bytes,
) -> None:
    """Whatever other keys there are, however it is laid out; keys come in any order."""
    value = [{**before, "Media": media, **after} for before, media, after in cases]
    text = json.dumps(
        {**around[0], "value": value, **around[1]}, indent=indent, ensure_ascii=is_ascii
    )
    content = mark + text.encode("utf-8", "surrogatepass")
    found = split(content, tmp_path_factory.mktemp("case"))
    assert join(found) == content
    wanted = [each for _, media, _ in cases for each in media]
    assert [json.loads(medium.text) for medium in media_of(found)] == [
        json.loads(json.dumps(each)) for each in wanted
    ]
    assert [medium.number for medium in media_of(found)] == list(range(1, len(wanted) + 1))


@given(st.lists(OBJECTS.filter(bool), min_size=1, max_size=4))
def test_the_media_of_a_set_of_hashes_stand_without_a_case(
    tmp_path_factory: pytest.TempPathFactory, media: list[dict[str, object]]
) -> None:
    content = json.dumps({"@odata.context": f"{CONTEXT}#Media", "value": media}).encode()
    found = split(content, tmp_path_factory.mktemp("case"))
    assert join(found) == content
    assert [json.loads(medium.text) for medium in media_of(found)] == media


def test_values_are_found_by_keys_in_small_letters_whatever_the_numbers(tmp_path: Path) -> None:
    long = "9" * 5000
    content = b'{"Value":{"MEDIA":[{"mediaID":%s,"RelativeFilePath":"a"}]}}' % long.encode()
    [medium] = media_of(split(content, tmp_path))
    assert medium.fields == {"mediaid": float("inf"), "relativefilepath": "a"}


def test_bytes_that_are_not_utf_8_and_all_line_ends_stay(tmp_path: Path) -> None:
    content = b'{\r\n"value":\r[{"Media":[\n{"A":"caf\xe9\t\\ud800"}]}]}\r\n'
    found = split(content, tmp_path)
    assert join(found) == content
    assert media_of(found)[0].fields == {"a": "caf\udce9\t\ud800"}


def test_a_medium_may_be_larger_than_what_is_read_at_once(tmp_path: Path) -> None:
    """And numbers and blanks may stand at the end of it."""
    chunk = pieces._CHUNK_CHARACTERS
    for around in range(-3, 4):
        big = {"A": "x" * (chunk + around), "B": 12345}
        blanks = " " * (chunk + around)
        content = (
            f'{{"value":[{{"Media":[{json.dumps(big)},{{"C":1}}],"D":123{blanks}}}]}}'.encode()
        )
        found = split(content, tmp_path)
        assert join(found) == content
        assert [medium.number for medium in media_of(found)] == [1, 2]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "there is no '{' at character 0"),
        (b"[]", "there is no '{' at character 0"),
        (b"{}", 'it has no "value" at character 2'),
        (b'{"value":[{"Media":[{"A":1}', "there is no ']' at character 27"),
        (b'{"value":[{"Media":[{"A":1', "Expecting ',' delimiter at character 20"),
        (b'{"value":[{"Media":[{"A":1},]}]}', "Expecting value at character 28"),
        (b'{"value":[{"Media":[{"A" 1}]}]}', "Expecting ':' delimiter at character 20"),
        (b'{"value":[1 2]}', "there is no ']' at character 12"),
        (b'{"value":[],}', "there is no key at character 12"),
        (b'{"value":[]} x', "something stands behind its end at character 13"),
        (b'{"value":"text"}', "there is no '{' at character 9"),
        (b'{"value":[' + b"[" * 200_000, "it is nested too deeply at character 10"),
        ('{"value":[]}'.encode("utf-16"), "is UTF-16; a Project VIC file is UTF-8"),
        (b"\x89PNG\r\n\x1a\n", "there is no '{' at character 0"),
    ],
)
def test_a_damaged_file_is_told_with_the_place(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    with pytest.raises(CaseDamaged) as caught:
        split(content, tmp_path)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_medium_that_never_ends_does_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "_MOST_CHARACTERS", 2**20)
    with pytest.raises(CaseDamaged, match="a part is larger than 1 MiB"):
        split(b'{"value":[{"Media":[{"A":"' + b"x" * 2**23, tmp_path)


def test_a_large_case_takes_no_memory(tmp_path: Path) -> None:
    """A hundred times what is read at once, and still only some pieces of it are there."""
    path, medium = tmp_path / "case.json", json.dumps({"A": "x" * 2000})
    with path.open("w", encoding="ascii") as file:
        file.write('{"value":[{"Media":[')
        file.writelines(f"{medium},\n" for _ in range(100 * pieces._CHUNK_CHARACTERS // 2000))
        file.write("{}]}]}")
    tracemalloc.start()
    count = sum(isinstance(piece, Medium) for piece in read_pieces(path))
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count > 10_000
    assert most_bytes < 12 * pieces._CHUNK_CHARACTERS
