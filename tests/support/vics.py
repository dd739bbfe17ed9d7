"""Cases of Project VIC: a schema of our own, and files as other programs write them.

The schema names what writers and readers of VICS 2.0 agree on (Magnet AXIOM, Cellebrite, X-Ways by
Clees4All, GLEAPP); the official one is not public any more.
"""

import hashlib
import json
import random
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from support.working import coloured_picture

CONTEXT = "http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/US/$metadata"
_Flag = bool | Literal["true", "false"] | None


class Property(msgspec.Struct):
    PropertyName: str
    PropertyValue: str | None


class MediaFile(msgspec.Struct):
    MD5: str
    FileName: str
    FilePath: str


class Media(msgspec.Struct, kw_only=True):
    MediaID: int
    MD5: Annotated[str, msgspec.Meta(pattern="^[0-9A-Fa-f]{32}$")]
    Category: int | None = None
    Tags: str | list[str | dict[str, str]] | None = None
    Comments: str | None = None
    MediaSize: int | None = None
    MimeType: str | None = None
    RelativeFilePath: str | None = None
    IsPrecategorized: _Flag = None
    MediaFiles: list[MediaFile] | None = None
    MediaMetadata: list[Property] | None = None


class CaseEntry(msgspec.Struct, kw_only=True):
    CaseID: str
    Media: list[Media]


class CaseFile(msgspec.Struct):
    context: Annotated[str, msgspec.Meta(pattern="#Cases$")] = msgspec.field(name="@odata.context")
    value: list[CaseEntry]


class HashSet(msgspec.Struct):
    context: Annotated[str, msgspec.Meta(pattern="#Media$")] = msgspec.field(name="@odata.context")
    value: list[Media]


def check_case(path: Path) -> list[Media]:
    """The media of a case file; raises `msgspec.ValidationError` if it is none."""
    content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    case = msgspec.json.decode(content, type=CaseFile, strict=True)
    return [media for entry in case.value for media in entry.Media]


def make_medium(number: int, stored: str, content: bytes, **more: object) -> dict[str, object]:
    """One entry of `Media`, for a file that lies in the folder `Files`."""
    md5 = hashlib.md5(content).hexdigest().upper()
    names = {"MD5": md5, "FileName": f"IMG_{number}.JPG", "FilePath": f"/DCIM/IMG_{number}.JPG"}
    return {
        "MediaID": number,
        "MD5": md5,
        "Category": None,
        "MediaSize": len(content),
        "MimeType": "image/bmp",
        "RelativeFilePath": f"Files\\{stored}",
        "MediaFiles": [names],
        **more,
    }


def fill_case(
    folder: Path, count: int = 4, **more: Any
) -> tuple[list[dict[str, object]], list[str]]:
    """Stored pictures of a case, their media, and the class of each."""
    (folder / "Files").mkdir(parents=True)
    source, media, classes = random.Random(1), [], []
    for number in range(count):
        best, picture = coloured_picture(source)
        (folder / "Files" / f"{number}.bmp").write_bytes(picture)
        media.append(make_medium(number, f"{number}.bmp", picture, **more))
        classes.append(best)
    return media, classes


def write_case(path: Path, media: list[dict[str, object]], **style: Any) -> Path:
    """Writes a case with one entry."""
    entry = {"CaseID": "{0-1}", "CaseNumber": "2026/1", "Media": media, "TotalMediaFiles": 1}
    document = {"@odata.context": f"{CONTEXT}#Cases", "value": [entry]}
    path.write_text(json.dumps(document, **style), encoding="utf-8")
    return path
