"""X-Tension for X-Ways Forensics: the workers of a TaskBridge name what pictures show.

For X-Ways' XT_Python.dll, which calls the functions XT_... and has the module `xwf`. Several
pictures are at the bridge at once: labels and comments of an item come some items later, the last
ones in XT_Finalize. The settings are in XT_ImageClasses.properties beside this script.
"""

import hashlib
import os
import re
import unicodedata

import xwf

from taskbridge_client.results import Answers, categories, classes
from taskbridge_client.settings import Settings, read_properties
from taskbridge_client.sources import BytesPicture

_NAME = "Image classes"
_NOT_CLASSIFIED = "Image not classified"
#: Begins the line of a comment that is this script's, so that a second run replaces it.
_MARK = "[Image classes] "
#: `XWF_AddComment`: instead of what is there.
_REPLACE = 0
#: X-Ways asks for no items when an X-Tension is run by itself.
_RUN_ALONE = 0
_CHUNK_BYTES = 2**20
_HEAD_BYTES = 32
#: How pictures begin: JPEG, PNG, GIF; TIFF; camera RAW; JPEG XL, JPEG 2000; icons, PCX, DDS, PSD.
_BEGINNINGS = (
    *(b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8"),
    *(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    *(b"IIU\0", b"IIRO", b"IIRS", b"MMOR", b"FUJIFILMCCD-RAW"),
    *(b"\xff\x0a", b"\0\0\0\x0cJXL ", b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"),
    *(b"\0\0\1\0", b"\0\0\2\0", b"\x0a\5\1", b"DDS ", b"8BPS"),
)
#: HEIC, AVIF and Canon's RAW, in the box that films have as well.
_BRANDS = (
    *(b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"),
    *(b"mif1", b"msf1", b"mif2", b"avif", b"avis", b"crx "),
)
_NETPBM = re.compile(rb"P[1-7fF]\s")
#: German letters have a spelling of their own in ASCII, all others lose their accents.
_LETTERS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"}
)


class _Run:
    """What is kept from one call to the next; X-Ways calls from one thread."""

    answers = Answers()
    settings = None
    pictures = None
    counts = {"classified": 0, "not classified": 0}  # noqa: RUF012 - there is one run only


def XT_Init(_version, _flags, _main_window, _reserved):
    return 1


def XT_About(_parent_window, _reserved):
    xwf.OutputMessage(f"{_NAME}: see README.md in integrations/xways", 0)
    return 0


def XT_Prepare(_volume, _evidence, operation, _reserved):
    """Reads the settings; a mistake in them is told, and no picture is classified."""
    _Run.pictures = None
    _Run.counts = dict.fromkeys(_Run.counts, 0)
    if operation == _RUN_ALONE:
        xwf.OutputMessage("run it in Refine Volume Snapshot, or from the menu of selected files", 0)
    try:
        path = os.path.join(
            os.path.dirname(os.path.abspath(__file__)), "XT_ImageClasses.properties"
        )
        _Run.settings = settings = Settings(read_properties(path).get)
        for name in ("labels", "skipSize", "mostMegabytes"):
            settings.number(name, 0, 10**9)
        _Run.pictures = settings.pictures(_Run.answers)
    except Exception as err:  # noqa: BLE001 - X-Ways goes on with other X-Tensions
        xwf.OutputMessage(f"no picture is classified: {err}", 0)
    return 1


def XT_ProcessItem(_item, _reserved):
    """X-Ways calls both functions; only the other one can read the item."""
    return 0


def XT_ProcessItemEx(item, handle, _reserved):
    """Sends a picture, and writes what is known of earlier ones."""
    if _Run.pictures is None:
        return 0
    try:
        _send(item, handle)
        while _Run.pictures.is_full():
            _write_finished(1)
    except Exception as err:  # noqa: BLE001 - X-Ways goes on with this item and the others
        _mark(item, "internal", str(err))
    return 0


def XT_ProcessSearchHit(*_arguments):
    return 0


def XT_Finalize(_volume, _evidence, _operation, _reserved):
    """Items have other numbers in the next volume, so all that is in flight is waited for."""
    if _Run.pictures is None:
        return 0
    while len(_Run.pictures):
        _write_finished(1)
        xwf.ProcessMessages()
    _write_finished(0)
    _Run.pictures.close()
    _Run.pictures = None
    counts = ", ".join(f"{count} {what}" for what, count in _Run.counts.items())
    xwf.OutputMessage(counts, 0)
    return 0


def XT_Done(_reserved):
    return 0


def is_picture(head):
    """Whether the first bytes of a file are those of a picture that workers decode.

    TGA has no such bytes.
    """
    if head[4:8] == b"ftyp":
        return head[8:12] in _BRANDS
    if head.startswith(b"RIFF"):
        return head[8:12] == b"WEBP"
    if head.startswith(b"BM"):
        return head[6:10] == bytes(4)
    return head.startswith(_BEGINNINGS) or _NETPBM.match(head) is not None


def to_label(name):
    """A name that X-Ways' HTML reports show: other letters than those of ASCII do not survive."""
    plain = unicodedata.normalize("NFKD", name.translate(_LETTERS))
    return " ".join(plain.encode("ascii", "ignore").decode().replace(",", " ").split())


def _send(item, handle):
    size = xwf.GetItemSize(item)
    if size < max(_Run.settings.number("skipSize", 0, 10**9), 1):
        return
    if not is_picture(bytes(xwf.Read(handle, 0, min(size, _HEAD_BYTES)))):
        return
    most = _Run.settings.number("mostMegabytes", 0, 10**9) or 256
    if size > most * 2**20:
        _mark(item, "too_large", f"it has more than {most} MB")
        return
    content = _read(handle, size)
    _Run.pictures.add(item, BytesPicture(content), hashlib.sha256(content).hexdigest())


def _read(handle, size):
    return b"".join(
        bytes(xwf.Read(handle, start, min(_CHUNK_BYTES, size - start)))
        for start in range(0, size, _CHUNK_BYTES)
    )


def _write_finished(at_least):
    for item, result in _Run.pictures.finished(at_least):
        if result.get("error"):
            _mark(item, result["code"], result["error"])
        else:
            _write(item, result)


def _write(item, result):
    _Run.counts["classified"] += 1
    found = classes(result)
    least = _Run.settings.threshold_percent
    labels = classes(result, least)[: _Run.settings.number("labels", 0, 1000)]
    for name, _, _ in labels + categories(result, least):
        xwf.AddToReportTable(item, to_label(name), 0)
    if found:
        texts = [f"{name} {percent:.2f} % ({class_id})" for name, class_id, percent in found]
        _comment(item, f"{', '.join(texts)}; {result.get('model') or '?'}")


def _mark(item, code, message):
    _Run.counts["not classified"] += 1
    xwf.AddToReportTable(item, _NOT_CLASSIFIED, 0)
    _comment(item, f"{code}: {message}")


def _comment(item, text):
    """Adds a line to the comment, in the place of one of an earlier run."""
    lines = (xwf.GetComment(item) or "").splitlines()
    kept = [line for line in lines if not line.startswith(_MARK)]
    xwf.AddComment(item, "\n".join([*kept, _MARK + " ".join(text.split())]), _REPLACE)
