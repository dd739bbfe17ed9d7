"""Sidecars: what was recognised, as keywords in an XMP file beside the picture.

The picture itself is never changed, and in a sidecar that is there already only this program's own
keywords are: see `keywords`.
"""

import contextlib
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, Literal, cast

from taskworker_classifyimage.atomic_file import rename_flushed
from taskworker_classifyimage.errors import printable
from taskworker_classifyimage.outputs.cells import CategorySum, Prediction, best_of
from taskworker_classifyimage.outputs.keywords import clean_paths, plan_changes
from taskworker_classifyimage.outputs.xmp_packet import EMPTY, XmpPacket
from taskworker_classifyimage.outputs.xmp_reading import SidecarUnusable

Style = Literal["full", "stem"]

#: Sidecars with the development of a RAW file have some hundred KiB.
_LIMIT_BYTES: Final = 16 * 2**20


def sidecar_of(picture: Path, style: Style = "full") -> Path:
    """Where the sidecar of a picture is: IMG.JPG.xmp ("full") or IMG.xmp ("stem")."""
    return picture.with_name(f"{picture.name if style == 'full' else picture.stem}.xmp")


def write_sidecar(
    picture: Path,
    predictions: Iterable[Mapping[str, object]],
    categories: Iterable[Mapping[str, object]] = (),
    *,
    style: Style = "full",
    min_probability: float,
) -> bool:
    """Makes the names of predictions the keywords of a picture that come from this program.

    With categories, each name is below that of its fine category; the best of these is a keyword
    also without a name below it.

    Args:
        picture: it need not exist, and is not read.
        predictions: of its result, most probable first.
        categories: of its result, most probable first.
        style: the name of the sidecar.
        min_probability: less probable ones become no keywords. If none is left, those of an
            earlier run are removed, and no sidecar is made.

    Returns:
        Whether the sidecar is other than before.

    Raises:
        SidecarUnusable: there is one that cannot be understood; it is left as it is.
        OSError: it cannot be read or written; it is left as it is.
    """
    paths = clean_paths(_list_paths(predictions, categories, min_probability))
    return _change(sidecar_of(picture, style), paths)


def remove_sidecar_keywords(picture: Path, *, style: Style = "full") -> bool:
    """Removes this program's keywords, and the sidecar if nothing else is in it.

    Returns:
        Whether the sidecar is other than before.

    Raises:
        SidecarUnusable, OSError: as for `write_sidecar`.
    """
    return _change(sidecar_of(picture, style), [])


def _list_paths(
    predictions: Iterable[Mapping[str, object]],
    categories: Iterable[Mapping[str, object]],
    least: float,
) -> Iterator[tuple[str, ...]]:
    """Keywords with what is above them."""
    best = best_of("fine", map(CategorySum.from_json, categories))
    if best is not None and best.probability >= least:
        yield (best.name,)
    for each in predictions:
        known = Prediction.from_json(each)
        if known.probability >= least:
            above = cast("list[Mapping[str, object]]", each.get("categories", ()))
            fine = (str(category["name"]) for category in above if category["level"] == "fine")
            yield (*fine, known.name)


def _change(sidecar: Path, paths: list[str]) -> bool:
    before = _read(sidecar)
    if before is None and not paths:
        return False
    content = EMPTY if before is None else before
    try:
        packet = XmpPacket(content)
        after = packet.change(plan_changes(packet, paths))
    except SidecarUnusable as err:
        raise SidecarUnusable(f"{printable(str(sidecar))} is left as it is: {err}") from None
    if after == before:
        return False
    if after == EMPTY:
        sidecar.unlink()
    else:
        _replace(sidecar, after)
    return True


def _read(sidecar: Path) -> bytes | None:
    try:
        facts = sidecar.lstat()
    except FileNotFoundError:
        return None
    # A link could lead anywhere, and a FIFO would never end.
    if not stat.S_ISREG(facts.st_mode):
        raise SidecarUnusable(f"{printable(str(sidecar))} is no file of its own")
    if facts.st_size > _LIMIT_BYTES:
        raise SidecarUnusable(f"{printable(str(sidecar))} is larger than any sidecar")
    return sidecar.read_bytes()


def _replace(sidecar: Path, content: bytes) -> None:
    part = sidecar.with_name(f"{sidecar.name}.part")
    try:
        # Whoever left a link of that name there does not choose what is overwritten.
        part.unlink(missing_ok=True)
        with part.open("xb") as file:
            file.write(content)
        with contextlib.suppress(FileNotFoundError):
            shutil.copymode(sidecar, part)
        rename_flushed(part, sidecar)
    except OSError:
        part.unlink(missing_ok=True)
        raise
