import os
import stat
import sys
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.sidecars import DIGIKAM, ODD
from taskworker_classifyimage.outputs.sidecar import (
    Style,
    remove_sidecar_keywords,
    sidecar_of,
    write_sidecar,
)
from taskworker_classifyimage.outputs.xmp_fields import FIELDS, HIERARCHICAL, SUBJECT, TAGS
from taskworker_classifyimage.outputs.xmp_packet import Change, XmpPacket
from taskworker_classifyimage.outputs.xmp_reading import SidecarUnusable

posix = pytest.mark.skipif(sys.platform == "win32", reason="links and modes are others there")

#: How keywords of this program begin.
OWN = ("auto|", "auto/")
#: Text that XML can hold.
KEYWORDS = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")
    | st.sampled_from("|/<>&\"' \t\n\r\N{LATIN SMALL LETTER A}"),
    min_size=1,
)
#: Some are likely to be in several fields, and to be recognised as well.
USERS = st.sampled_from(["a", "b", "auto", "a|b", "b/a"]) | KEYWORDS.filter(
    lambda each: not each.startswith(OWN)
)


def write(picture: Path, *names: str, style: Style = "full", above: str | None = None) -> bool:
    """Writes names of equal probability, below a category if there is one."""
    below = {} if above is None else {"categories": [{"name": above, "level": "fine"}]}
    predictions = [{"class": name, "name": name, "probability": 0.5, **below} for name in names]
    return write_sidecar(picture, predictions, style=style, min_probability=0.5)


def keywords(sidecar: Path) -> list[list[str]]:
    packet = XmpPacket(sidecar.read_bytes())
    return [packet.keywords(field) for field in (SUBJECT, HIERARCHICAL, TAGS)]


@pytest.mark.parametrize(
    ("name", "style", "sidecar"),
    [
        ("IMG.1.JPG", "full", "IMG.1.JPG.xmp"),
        ("IMG.1.JPG", "stem", "IMG.1.xmp"),
        ("picture", "full", "picture.xmp"),
        ("picture", "stem", "picture.xmp"),
        (".jpg", "stem", ".jpg.xmp"),
        ("a..", "stem", "a...xmp"),
        ("caf\udce9.jpg", "stem", "caf\udce9.xmp"),
    ],
)
def test_a_sidecar_lies_beside_its_picture(name: str, style: Style, sidecar: str) -> None:
    """Under either of the names that programs look for."""
    assert sidecar_of(Path("folder", name), style) == Path("folder", sidecar)


def test_probable_names_become_keywords(tmp_path: Path) -> None:
    """In the three fields that programs read; the picture is not touched, nor needed."""
    predictions = [
        {"class": "n1", "name": "Persian cat", "probability": 0.6},
        {"class": "n2", "name": "tabby", "probability": 0.3},
        {"class": "n3", "name": "lynx", "probability": 0.1},
    ]
    assert write_sidecar(tmp_path / "1.jpg", predictions, min_probability=0.3)
    assert list(tmp_path.iterdir()) == [tmp_path / "1.jpg.xmp"]
    assert keywords(tmp_path / "1.jpg.xmp") == [
        ["Persian cat", "tabby"],
        ["auto|Persian cat", "auto|tabby"],
        ["auto/Persian cat", "auto/tabby"],
    ]


def test_names_are_below_their_category(tmp_path: Path) -> None:
    """The best category is a keyword by itself only if no name below it is probable."""
    drink, dish = ({"id": each, "name": each, "level": "fine"} for each in ("drink", "dish"))
    food = {"id": "food", "name": "food or drink", "level": "coarse"}
    predictions = [
        {"class": "n1", "name": "espresso", "probability": 0.4, "categories": [drink, food]},
        {"class": "n2", "name": "pizza", "probability": 0.3, "categories": [dish, food]},
        {"class": "n3", "name": "red wine", "probability": 0.2, "categories": [drink, food]},
    ]
    sums = [{**food, "probability": 0.9}, {**drink, "probability": 0.6}]
    picture = tmp_path / "1.jpg"
    for least, flat, paths in (
        (0.5, ["drink"], ["drink"]),
        (0.3, ["drink", "espresso", "dish", "pizza"], ["drink|espresso", "dish|pizza"]),
        (
            0.2,
            ["drink", "espresso", "dish", "pizza", "red wine"],
            ["drink|espresso", "dish|pizza", "drink|red wine"],
        ),
    ):
        assert write_sidecar(picture, predictions, sums, min_probability=least)
        tags = [f"auto/{each.replace('|', '/')}" for each in paths]
        assert keywords(sidecar_of(picture)) == [flat, [f"auto|{each}" for each in paths], tags]
    assert write(picture, "espresso")
    assert keywords(sidecar_of(picture))[0] == ["espresso"]
    assert remove_sidecar_keywords(picture)
    assert list(tmp_path.iterdir()) == []


def test_without_probable_names_there_is_no_sidecar(tmp_path: Path) -> None:
    """An empty one would hide what other programs find in the picture."""
    predictions = [{"class": "n1", "name": "Persian cat", "probability": 0.2}]
    assert not write_sidecar(tmp_path / "1.jpg", predictions, min_probability=0.3)
    assert not write(tmp_path / "1.jpg")
    assert not remove_sidecar_keywords(tmp_path / "1.jpg")
    assert list(tmp_path.iterdir()) == []


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    """Not even the time of the file: programs that watch it have nothing to do."""
    picture, sidecar = tmp_path / "1.jpg", tmp_path / "1.jpg.xmp"
    assert write(picture, "Persian cat", "tabby")
    before, facts = sidecar.read_bytes(), sidecar.stat()
    assert not write(picture, "Persian cat", "tabby")
    assert sidecar.read_bytes() == before
    assert (sidecar.stat().st_ino, sidecar.stat().st_mtime_ns) == (facts.st_ino, facts.st_mtime_ns)


def test_another_run_takes_the_place_of_the_first(tmp_path: Path) -> None:
    """As if the first had never been."""
    write(tmp_path / "1.jpg", "Persian cat", "tabby")
    write(tmp_path / "1.jpg", "lynx", "tabby")
    write(tmp_path / "2.jpg", "lynx", "tabby")
    assert (tmp_path / "1.jpg.xmp").read_bytes() == (tmp_path / "2.jpg.xmp").read_bytes()


def test_keywords_can_be_removed_again(tmp_path: Path) -> None:
    """With the sidecar, if it was made for them."""
    assert write(tmp_path / "1.jpg", "lynx", style="stem")
    assert remove_sidecar_keywords(tmp_path / "1.jpg", style="stem")
    assert list(tmp_path.iterdir()) == []


def test_the_users_keywords_stay(tmp_path: Path) -> None:
    """Also one that was recognised as well; when this program's go, the old bytes are back."""
    picture, sidecar = tmp_path / "1.jpg", tmp_path / "1.jpg.xmp"
    sidecar.write_bytes(DIGIKAM)
    assert write(picture, "tabby", "Persian cat")
    assert keywords(sidecar) == [
        ["Rome", "tabby", "Persian cat"],
        ["Places|Rome", "tabby", "auto|tabby", "auto|Persian cat"],
        ["Places/Rome", "tabby", "auto/tabby", "auto/Persian cat"],
    ]
    assert write(picture, "lynx")
    assert keywords(sidecar)[0] == ["Rome", "tabby", "lynx"]
    assert remove_sidecar_keywords(picture)
    assert sidecar.read_bytes() == DIGIKAM


def test_unusual_xmp_is_understood(tmp_path: Path) -> None:
    """Prefixes, quotes, comments, CDATA and qualifiers are kept as they are."""
    picture, sidecar = tmp_path / "1.jpg", tmp_path / "1.jpg.xmp"
    odd = ODD.replace(b"uuid:a", b"uuid:/>a")
    sidecar.write_bytes(odd)
    assert write(picture, "lynx")
    users = ["caf\xe9 & cake", "<b>"]
    assert keywords(sidecar) == [
        [*users, "lynx"],
        [*users, "auto|lynx"],
        [*users, "auto/lynx"],
    ]
    content = sidecar.read_bytes()
    assert content.startswith(odd[: odd.index(b"</r:Bag>")])
    assert b"r:about='uuid:/&gt;a\"b'" in content
    assert not write(picture, "lynx")


def test_a_byte_order_mark_moves_nothing(tmp_path: Path) -> None:
    """Notepad writes one."""
    sidecar = tmp_path / "1.jpg.xmp"
    sidecar.write_bytes(b"\xef\xbb\xbf" + DIGIKAM)
    write(tmp_path / "1.jpg", "lynx")
    assert keywords(sidecar)[0] == ["Rome", "tabby", "lynx"]
    remove_sidecar_keywords(tmp_path / "1.jpg")
    assert sidecar.read_bytes() == b"\xef\xbb\xbf" + DIGIKAM


def test_a_users_keyword_without_hierarchy_is_repeated_for_programs_that_read_one_field(
    tmp_path: Path,
) -> None:
    """And marks it as the user's, should the same be recognised."""
    picture, sidecar = tmp_path / "1.jpg", tmp_path / "1.jpg.xmp"
    sidecar.write_bytes(
        DIGIKAM.replace(b"digiKam:TagsList", b"digiKam:Other").replace(
            b"lr:hierarchicalSubject", b"lr:other"
        )
    )
    write(picture, "tabby")
    assert keywords(sidecar) == [
        ["Rome", "tabby"],
        ["Rome", "tabby", "auto|tabby"],
        ["Rome", "tabby", "auto/tabby"],
    ]
    remove_sidecar_keywords(picture)
    assert keywords(sidecar) == [["Rome", "tabby"]] * 3


@given(
    users=st.lists(USERS, max_size=4),
    paths=st.lists(USERS, max_size=4),
    tags=st.lists(USERS, max_size=4),
    first=st.lists(USERS | st.text(), max_size=4),
    second=st.lists(USERS | st.text(), max_size=4),
    above=st.none() | USERS,
)
def test_no_keyword_is_lost_and_no_run_leaves_a_trace(
    tmp_path_factory: pytest.TempPathFactory,
    users: list[str],
    paths: list[str],
    tags: list[str],
    first: list[str],
    second: list[str],
    above: str | None,
) -> None:
    """Whatever the words: runs repeat exactly, and all that the user had is there in the end."""
    lists = {SUBJECT: users, HIERARCHICAL: paths, TAGS: tags}
    picture = tmp_path_factory.mktemp("sidecar") / "1.jpg"
    sidecar = sidecar_of(picture)
    template = DIGIKAM.replace(b"TagsList", b"a").replace(b"hierarchicalSubject", b"b")
    template = template.replace(b"dc:subject", b"dc:c")
    packet = XmpPacket(template)
    sidecar.write_bytes(packet.change({key: Change((), each) for key, each in lists.items()}))
    assert keywords(sidecar) == [users, paths, tags]
    write(picture, *first, above=above)
    write(picture, *second, above=above)
    content = sidecar.read_bytes()
    assert not write(picture, *second, above=above)
    remove_sidecar_keywords(picture)
    for found, before in zip(keywords(sidecar), (users, paths, tags), strict=True):
        assert found[: len(before)] == before
        assert not any(each.startswith(OWN) for each in found)
    write(picture, *second, above=above)
    after = XmpPacket(content)
    assert list(map(set, keywords(sidecar))) == [set(after.keywords(each)) for each in FIELDS]


def test_names_cannot_leave_their_place(tmp_path: Path) -> None:
    """Labels are anybody's text: no markup, no levels of a hierarchy, no line ends."""
    write(tmp_path / "1.jpg", "</rdf:li>&<x/>", "a|b/c", "two\nlines\x00\x1b", "caf\udce9", " ", "")
    [flat, paths, tags] = keywords(tmp_path / "1.jpg.xmp")
    assert flat == ["<-rdf:li>&<x->", "a-b-c", "two lines", "caf\\udce9"]
    assert paths == [f"auto|{each}" for each in flat]
    assert tags == [f"auto/{each}" for each in flat]


LAUGHS = "".join(
    f'<!ENTITY l{number} "{f"&l{number - 1};" * 10}">' for number in range(1, 10)
).encode()
UNUSABLE = {
    "a document type": DIGIKAM.replace(b"<x:", b"<!DOCTYPE x><x:", 1),
    "an entity from a file": DIGIKAM.replace(
        b"<x:", b"<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x:", 1
    ).replace(b"Rome", b"&e;"),
    "a document type from the network": DIGIKAM.replace(
        b"<x:", b"<!DOCTYPE x SYSTEM 'http://127.0.0.1:1/x.dtd'><x:", 1
    ),
    "a billion laughs": DIGIKAM.replace(
        b"<x:", b"<!DOCTYPE x [<!ENTITY l0 'lol'>%s]><x:" % LAUGHS, 1
    ).replace(b"Rome", b"&l9;"),
    "an entity that is not declared": DIGIKAM.replace(b"Rome", b"&e;"),
    "half a file": DIGIKAM[:900],
    "nothing": b"",
    "zeros": b"\0" * 1000,
    "text": b"Persian cat",
    "other XML": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "UTF-16": DIGIKAM.decode().encode("utf-16"),
    "UTF-16 without a mark": DIGIKAM.decode().encode("utf-16-be"),
    "a claim of another encoding": b"<?xml version='1.0' encoding='latin-1'?>" + DIGIKAM[54:],
    "bytes that are not UTF-8": DIGIKAM.replace(b"Rome", b"\xe9"),
    "keywords in an attribute": DIGIKAM.replace(b"xmp:Rating=", b"dc:subject="),
    "keywords in a text": ODD.replace(b"<r:Bag>", b"cat, dog<r:Bag>"),
    "keywords in something unknown": DIGIKAM.replace(b"rdf:Bag", b"rdf:Description"),
    "two times RDF": b"<a>" + ODD[ODD.index(b"<r:RDF") :] * 2 + b"</a>",
    "many elements": ODD.replace(b"</r:RDF>", b"<r:Description/>" * 250_001 + b"</r:RDF>"),
    "many attributes": ODD.replace(
        b"</r:RDF>",
        b"<a %s/></r:RDF>" % b" ".join(b"a%d=''" % number for number in range(200_000)),
    ),
    "deep elements": ODD.replace(b"</r:RDF>", b"<a>" * 9999 + b"</a>" * 9999 + b"</r:RDF>"),
    "a large file": ODD + b" " * 2**24,
}


@pytest.mark.parametrize("content", UNUSABLE.values(), ids=UNUSABLE)
def test_a_sidecar_that_is_not_understood_is_left_alone(tmp_path: Path, content: bytes) -> None:
    """And nothing that it refers to is read; one line says which file it is."""
    picture, sidecar = tmp_path / "1.jpg", tmp_path / "1.jpg.xmp"
    sidecar.write_bytes(content)
    for change in (partial(write, picture, "lynx"), partial(remove_sidecar_keywords, picture)):
        with pytest.raises(SidecarUnusable, match=r"1\.jpg\.xmp") as caught:
            change()
        assert "\n" not in str(caught.value)
    assert sidecar.read_bytes() == content
    assert list(tmp_path.iterdir()) == [sidecar]


@posix
def test_only_a_file_is_a_sidecar(tmp_path: Path) -> None:
    """A link could lead to any file, a FIFO would hold the run up for ever."""
    target = tmp_path / "target"
    target.write_bytes(DIGIKAM)
    sidecar_of(tmp_path / "link.jpg").symlink_to(target)
    os.mkfifo(sidecar_of(tmp_path / "pipe.jpg"))
    sidecar_of(tmp_path / "folder.jpg").mkdir()
    for name in ("link.jpg", "pipe.jpg", "folder.jpg"):
        with pytest.raises(SidecarUnusable, match="no file of its own"):
            write(tmp_path / name, "lynx")
    assert target.read_bytes() == DIGIKAM


@posix
def test_a_link_in_the_place_of_the_part_file_is_not_followed(tmp_path: Path) -> None:
    """Whoever can put files beside the picture must not be able to overwrite others."""
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    (tmp_path / "1.jpg.xmp.part").symlink_to(target)
    write(tmp_path / "1.jpg", "lynx")
    assert target.read_bytes() == b"precious"
    assert keywords(tmp_path / "1.jpg.xmp")[0] == ["lynx"]


@posix
def test_a_sidecar_keeps_its_mode(tmp_path: Path) -> None:
    """Who could read it can read it, and nobody else."""
    sidecar = tmp_path / "1.jpg.xmp"
    sidecar.write_bytes(DIGIKAM)
    sidecar.chmod(0o640)
    write(tmp_path / "1.jpg", "lynx")
    assert stat.S_IMODE(sidecar.stat().st_mode) == 0o640


def test_a_folder_that_is_missing_is_an_error_of_the_system(tmp_path: Path) -> None:
    """For the caller, who counts such pictures."""
    with pytest.raises(OSError, match="missing"):
        write(tmp_path / "missing" / "1.jpg", "lynx")


def test_a_name_that_is_not_utf_8_has_a_sidecar(tmp_path: Path) -> None:
    """Where the system has such names; its sidecar has the same bytes."""
    picture = tmp_path / os.fsdecode(b"caf\xe9.jpg")
    try:
        picture.touch()
    except OSError:
        pytest.skip("the file system has no such names")
    write(picture, "lynx")
    assert keywords(sidecar_of(picture))[0] == ["lynx"]
