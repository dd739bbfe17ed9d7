"""A stand-in for X-Ways Forensics: a folder that it exports, and the module `xwf` of its Python."""

import struct
import types
from dataclasses import dataclass, field
from pathlib import Path

CASE_CRC = 0x1A2B3C4D


def export_folder(parent: Path, files: dict[int, bytes], title: str = "Fall 1") -> Path:
    """Files for an external program, as the manual of X-Ways describes it."""
    folder = parent / f"{CASE_CRC:08X}"
    folder.mkdir()
    for number, content in files.items():
        (folder / str(number)).write_bytes(content)
    padded = title.encode("utf-16-le").ljust(128, b"\0")
    (folder / "Checksum").write_bytes(struct.pack("<IIQ128s", CASE_CRC, 0x1234, 0, padded))
    return folder


@dataclass(slots=True)
class Item:
    """A file of a volume, and what the examiner sees of it."""

    content: bytes
    labels: list[str] = field(default_factory=list)
    comment: str = ""


class Xwf(types.ModuleType):
    """The methods of `xwf` that the X-Tension uses.

    Attributes:
        messages: what is in the window of messages.
    """

    def __init__(self, items: dict[int, Item]) -> None:
        super().__init__("xwf")
        self.items = items
        self.messages: list[str] = []

    def OutputMessage(self, message: str, flags: int) -> None:
        assert flags == 0
        self.messages.append(message)

    def GetItemSize(self, item: int) -> int:
        return len(self.items[item].content)

    def Read(self, handle: int, offset: int, count: int) -> bytearray:
        """The handle of an item is a thousand more than its number; a short read is not told."""
        content = self.items[handle - 1000].content[offset : offset + count]
        assert content
        return bytearray(content.ljust(count, b"\xaa"))

    def GetComment(self, item: int) -> str | None:
        return self.items[item].comment or None

    def AddComment(self, item: int, comment: str, how: int) -> None:
        assert how == 0
        self.items[item].comment = comment

    def AddToReportTable(self, item: int, name: str, flags: int) -> None:
        assert (flags, name.isascii()) == (0, True)
        if name not in self.items[item].labels:
            self.items[item].labels.append(name)

    def ProcessMessages(self) -> None:
        pass


def refine(script: types.ModuleType, numbers: list[int], operation: int = 1) -> None:
    """What X-Ways calls while it refines the snapshot of a volume."""
    assert script.XT_Init(0, 0, 0, 0) == 1
    script.XT_Prepare(1, 2, operation, 0)
    for number in numbers:
        assert script.XT_ProcessItem(number, 0) == 0
        assert script.XT_ProcessItemEx(number, number + 1000, 0) == 0
    assert script.XT_Finalize(1, 2, operation, 0) == 0
    assert script.XT_Done(0) == 0
