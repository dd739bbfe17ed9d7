"""What a source is, is seen from its files; nothing is loaded to find out, and nothing is left."""

import io
import os
import pickle
import stat
import tempfile
import zipfile
from pathlib import Path

import pytest

from support.packs import IDS, SIZE, colour_network
from taskworker_classifyimage.classify.base import OwnClasses
from taskworker_classifyimage.classify.loader import load_classifier
from taskworker_classifyimage.errors import ConfigError, ModelError
from taskworker_classifyimage.packing import make_pack
from taskworker_classifyimage.packing.network import SCALINGS, PackOptions, Scaling
from taskworker_classifyimage.packing.source_files import open_files

CLASSES = OwnClasses(tuple(IDS), {})
OURS = PackOptions(classes=CLASSES)


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for temporary files, to see that none is left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def zipped(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


NETWORK = colour_network().SerializeToString()


def test_a_zip_and_a_folder_are_as_good_as_the_file(tmp_path: Path, temporary: Path) -> None:
    """Also with folders around the file; what was unpacked is removed."""
    path = zipped(tmp_path / "ours.zip", **{"export/deep/ours.onnx": NETWORK, "__MACOSX/._x": b""})
    made = make_pack(str(path), tmp_path / "pack", OURS, [])
    assert made.remarks == ("Taken for: ONNX file.",)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "ours.onnx").write_bytes(NETWORK)
    make_pack(str(tmp_path / "folder"), tmp_path / "other", OURS, [])
    assert load_classifier(str(tmp_path / "other")).model.classes == CLASSES
    assert not list(temporary.iterdir())


def link() -> zipfile.ZipInfo:
    member = zipfile.ZipInfo("labels.txt")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


def test_a_link_in_a_zip_leads_nowhere(tmp_path: Path) -> None:
    """It is the text that it is in the zip."""
    with zipfile.ZipFile(tmp_path / "ours.zip", "w") as archive:
        archive.writestr(link(), "/etc/passwd")
        archive.writestr("x", "")
    with open_files(tmp_path / "ours.zip") as files:
        assert (files.folder / "labels.txt").read_text() == "/etc/passwd"
        assert not (files.folder / "labels.txt").is_symlink()


def bomb() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ours.onnx", bytes(80 * 2**20))
    return content.getvalue()


def of_members(*names: str, method: int = zipfile.ZIP_STORED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name in names:
            archive.writestr(name, "x" * 9)
    return content.getvalue()


BAD_ZIPS = {
    "bomb": (bomb, "unpacks to 83886080 bytes"),
    "out of the zip": (lambda: of_members("../ours.onnx"), "leads out of the zip"),
    "by backslashes": (lambda: of_members(r"..\ours.onnx"), "leads out of the zip"),
    "to the root": (lambda: of_members("/ours.onnx"), "leads out of the zip"),
    "to a drive": (lambda: of_members("c:ours.onnx"), "leads out of the zip"),
    "too many": (lambda: of_members(*map(str, range(10_001))), "more than 10000 files"),
    "twice": (lambda: of_members("a", "a/b"), "cannot be unpacked"),
    "rare": (lambda: of_members("a", method=zipfile.ZIP_LZMA), "compressed in a rare way"),
    "cut off": (lambda: of_members("ours.onnx")[:-9], "no zip that can be unpacked"),
    "of nothing": (lambda: of_members("readme.txt"), "is no network that is known here"),
}


@pytest.mark.parametrize("kind", BAD_ZIPS)
def test_a_bad_zip_is_refused_in_one_line(tmp_path: Path, temporary: Path, kind: str) -> None:
    """By its own name, and nothing of it is left."""
    make, problem = BAD_ZIPS[kind]
    path = tmp_path / "bad.zip"
    path.write_bytes(make())
    with pytest.raises((ConfigError, ModelError), match=problem) as caught:
        make_pack(str(path), tmp_path / "pack", OURS, [])
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert not list(temporary.iterdir())
    assert {each.name for each in tmp_path.iterdir()} == {"bad.zip", "temporary"}


class Evil:
    """Makes a folder when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("name", ["ours.pt", "export.pkl", "ours.onnx", "ours.h5", "in a folder"])
@pytest.mark.parametrize("is_torch", [True, False], ids=["torch", "plain"])
def test_pickles_are_refused_by_content_and_not_run(
    tmp_path: Path, name: str, is_torch: bool
) -> None:
    """Whatever they are called; the message says how their network is exported."""
    content = pickle.dumps(Evil(tmp_path / "has-run"))
    path = tmp_path / name
    if name == "in a folder":
        path.mkdir()
        path /= "pytorch_model.bin"
    if is_torch:
        zipped(path, **{"archive/data.pkl": content, "archive/data/0": b""})
    else:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"is a pickle.* torch\.onnx\.export") as caught:
        make_pack(str(tmp_path / name), tmp_path / "pack", OURS, [])
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "has-run").exists()


def test_a_pack_is_a_pack_already(tmp_path: Path) -> None:
    """It needs no packing."""
    (tmp_path / "ours.onnx").write_bytes(NETWORK)
    make_pack(str(tmp_path / "ours.onnx"), tmp_path / "pack", OURS, [])
    with pytest.raises(ConfigError, match="is a model pack already"):
        make_pack(str(tmp_path / "pack"), tmp_path / "other", OURS, [])


SAID = PackOptions(
    size=SIZE,
    crop=1.0,
    resize="lanczos",
    scaling=Scaling((1.0, 2.0, 3.5), (4.0, 5.0, 6.0)),
    colours="RGB",
    kind="logits",
    classes=CLASSES,
)


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (PackOptions(size=17), "--size: the export says 16"),
        (PackOptions(crop="none"), r"--crop: the export says 1\.0"),
        (PackOptions(resize="bilinear"), "--resize: the export says lanczos"),
        (PackOptions(scaling=SCALINGS["signed"]), "--scaling: the export says 1,2,3.5/4,5,6"),
        (PackOptions(colours="BGR"), "--colours: the export says RGB"),
        (PackOptions(kind="probabilities"), "--kind: the export says logits"),
        (PackOptions(classes=OwnClasses(("red", "green"), {})), "2 of them, the export names 3"),
        (
            PackOptions(classes=OwnClasses(("red", "blue", "green"), {})),
            "class 1 is 'blue', the export says 'green'",
        ),
    ],
)
def test_a_flag_against_what_the_source_says_is_refused(flags: PackOptions, problem: str) -> None:
    """Someone is wrong, and the pack would be, too."""
    with pytest.raises(ConfigError, match=problem):
        flags.join(SAID, "the export")


def test_flags_add_to_what_the_source_says() -> None:
    """The same again is no contradiction; names in another language are an addition."""
    more = OwnClasses(CLASSES.ids, {"de": ("Rotes", "Grünes", "Blaues")})
    joined = PackOptions(size=SIZE, name="ours", classes=more).join(SAID, "the export")
    assert (joined.size, joined.name, joined.resize) == (SIZE, "ours", "lanczos")
    assert joined.classes == more
