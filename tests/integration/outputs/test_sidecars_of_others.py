"""Sidecars with the programs that people use: exiftool, which Immich is built on, and exiv2, which
digiKam and darktable are built on.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.sidecars import DIGIKAM, ODD
from taskworker_classifyimage.outputs.sidecar import (
    remove_sidecar_keywords,
    sidecar_of,
    write_sidecar,
)
from taskworker_classifyimage.outputs.xmp_fields import FIELDS
from taskworker_classifyimage.outputs.xmp_packet import XmpPacket

pytestmark = pytest.mark.large

#: Labels are anybody's text.
NAMES = ["Perserkatze", "<b> & \"c\" 'd'", "\N{CAT FACE} \u6f22\u5b57", "a;b, c", "e\u0301\u00e9"]


def run(program: str, *arguments: str) -> str:
    if shutil.which(program) is None:
        assert os.environ.get("CI") != "true", f"{program} has to be there: .ci/run installs it"
        pytest.skip(f"{program} is not installed (Debian: libimage-exiftool-perl, exiv2)")
    ended = subprocess.run(
        [program, *arguments], check=True, capture_output=True, encoding="utf-8", timeout=100
    )
    assert ended.stderr == ""
    return ended.stdout


def exiftool(sidecar: Path) -> dict[str, Any]:
    """What exiftool reads, with the group of each tag; lists always as lists."""
    [found] = json.loads(run("exiftool", "-json", "-G1", "-XMP:all", "-validate", str(sidecar)))
    return {
        key: value if isinstance(value, list) else [value]
        for key, value in found.items()
        if key != "SourceFile"
    }


def exiv2(sidecar: Path, key: str) -> list[str]:
    """What exiv2 reads of one field, which it prints with ", " between the items."""
    return [
        line.partition(key)[2].strip()
        for line in run("exiv2", "-PXkv", str(sidecar)).splitlines()
        if line.startswith(key)
    ]


def write(sidecar: Path, *names: str) -> None:
    predictions = [{"class": name, "name": name, "probability": 0.5} for name in names]
    write_sidecar(sidecar.with_suffix(""), predictions, min_probability=0.1)


def test_both_read_what_was_written(tmp_path: Path) -> None:
    """Every character, in every field, and without a complaint."""
    sidecar = sidecar_of(tmp_path / "1.jpg")
    write(sidecar, *NAMES)
    found = exiftool(sidecar)
    assert found.pop("ExifTool:Validate", ["OK"]) == ["OK"]
    assert found == {
        "XMP-dc:Subject": NAMES,
        "XMP-lr:HierarchicalSubject": [f"auto|{name}" for name in NAMES],
        "XMP-digiKam:TagsList": [f"auto/{name}" for name in NAMES],
    }
    assert exiv2(sidecar, "Xmp.dc.subject") == [", ".join(NAMES)]
    assert exiv2(sidecar, "Xmp.lr.hierarchicalSubject") == [f"auto|{', auto|'.join(NAMES)}"]
    assert exiv2(sidecar, "Xmp.digiKam.TagsList") == [f"auto/{', auto/'.join(NAMES)}"]


@pytest.mark.parametrize("content", [DIGIKAM, ODD], ids=["digiKam", "odd"])
def test_both_read_what_was_added_to_the_sidecar_of_another(tmp_path: Path, content: bytes) -> None:
    """And everything that was there before."""
    sidecar = sidecar_of(tmp_path / "1.jpg")
    sidecar.write_bytes(content)
    before = exiftool(sidecar)
    write(sidecar, "lynx")
    after = exiftool(sidecar)
    flat = before["XMP-dc:Subject"]
    assert after == {
        **before,
        "XMP-dc:Subject": [*flat, "lynx"],
        "XMP-lr:HierarchicalSubject": [
            *before.get("XMP-lr:HierarchicalSubject", flat),
            "auto|lynx",
        ],
        "XMP-digiKam:TagsList": [*before.get("XMP-digiKam:TagsList", flat), "auto/lynx"],
    }
    if content is DIGIKAM:
        # The other has no packet around it, which exiv2 does not take for a sidecar.
        assert exiv2(sidecar, "Xmp.dc.subject") == ["Rome, tabby, lynx"]


def test_keywords_are_added_to_what_exiftool_wrote(tmp_path: Path) -> None:
    """One description for each namespace, as it writes them; then both take turns."""
    sidecar = sidecar_of(tmp_path / "1.jpg")
    run("exiftool", "-q", "-XMP-dc:Subject=holiday", "-XMP-xmp:Rating=3", str(sidecar))
    before = sidecar.read_bytes()
    write(sidecar, "lynx")
    run("exiftool", "-q", "-overwrite_original", "-XMP-dc:Subject+=beach", str(sidecar))
    write(sidecar, "tabby")
    found = exiftool(sidecar)
    assert found["XMP-dc:Subject"] == ["holiday", "beach", "tabby"]
    assert found["XMP-lr:HierarchicalSubject"] == ["holiday", "beach", "auto|tabby"]
    assert found["XMP-digiKam:TagsList"] == ["holiday", "beach", "auto/tabby"]
    assert found["XMP-xmp:Rating"] == [3]
    remove_sidecar_keywords(tmp_path / "1.jpg")
    run("exiftool", "-q", "-overwrite_original", "-XMP-dc:Subject-=beach", str(sidecar))
    run("exiftool", "-q", "-overwrite_original", "-XMP-lr:all=", "-XMP-digiKam:all=", str(sidecar))
    assert sidecar.read_bytes() == before


def test_keywords_are_added_to_what_exiv2_wrote(tmp_path: Path) -> None:
    """The form in which digiKam and darktable leave sidecars; it keeps ours when it writes."""
    sidecar = sidecar_of(tmp_path / "1.jpg")
    # It changes sidecars and makes none.
    write(sidecar, "lynx")
    for change in (
        "set Xmp.digiKam.TagsList XmpSeq Places/Rome",
        "set Xmp.dc.subject XmpBag Rome",
        "set Xmp.xmp.Rating 4",
    ):
        run("exiv2", f"-M{change}", str(sidecar))
    write(sidecar, "tabby", "lynx")
    packet = XmpPacket(sidecar.read_bytes())
    assert [packet.keywords(field) for field in FIELDS] == [
        ["Rome", "tabby", "lynx"],
        ["auto|tabby", "auto|lynx"],
        ["Places/Rome", "auto/tabby", "auto/lynx"],
    ]
    assert exiftool(sidecar)["XMP-xmp:Rating"] == [4]
    remove_sidecar_keywords(tmp_path / "1.jpg")
    assert exiv2(sidecar, "Xmp.dc.subject") == ["Rome"]
    assert exiv2(sidecar, "Xmp.digiKam.TagsList") == ["Places/Rome"]
    assert exiv2(sidecar, "Xmp.lr.hierarchicalSubject") == []
