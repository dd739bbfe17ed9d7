"""`doctor --pictures`: shows a person what a model takes ten pictures for."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from taskworker_classifyimage.atomic_file import write_atomically
from taskworker_classifyimage.classify.base import Classifier
from taskworker_classifyimage.errors import ConfigError, TaskError, printable
from taskworker_classifyimage.input_spec import InputSpec
from taskworker_classifyimage.local.filters import Filters
from taskworker_classifyimage.local.found import read_file
from taskworker_classifyimage.local.walk import Walk
from taskworker_classifyimage.outputs.cells import to_unicode
from taskworker_classifyimage.outputs.sight_page import MARK, Seen, make_page
from taskworker_classifyimage.pipeline.engine import Engine
from taskworker_classifyimage.sandbox.pool import DecoderPool
from taskworker_classifyimage.tasks import ClassifyRequest
from taskworker_classifyimage.words import counted

_SHOWN: Final = 10
_REQUEST: Final = ClassifyRequest(top=3)


def check_sight(pictures: Path, page: Path) -> None:
    """Checks, before any model is loaded, that there are pictures and the page may be written.

    Raises:
        ConfigError: there is no folder of pictures, another file, or no folder for the page.
    """
    if not pictures.is_dir():
        raise ConfigError(f"--pictures: there is no folder {pictures}")
    if not page.parent.is_dir():
        raise ConfigError(f"--page: there is no folder {page.parent}")
    if page.exists() and not _is_own(page):
        raise ConfigError(f"--page: {page} is there already; name another, or remove it")


def show_pictures(classifier: Classifier, pool: DecoderPool, folder: Path, page: Path) -> str:
    """Writes the page of ten pictures of a folder; returns what it shows, in words.

    Raises:
        ConfigError: there is no picture, or the page cannot be written.
    """
    engine = Engine(classifier, pool)
    seen = _look(engine, folder)
    if not seen:
        raise ConfigError(f"--pictures: there is no picture in {folder}")
    text = make_page(classifier.model.name, _describe(classifier.model.input), seen)
    try:
        write_atomically(page, text.encode())
    except OSError as err:
        raise ConfigError(f"--page: {page} cannot be written: {err.strerror or err}") from None
    return f"{page} shows the best classes of {counted(len(seen), 'picture')}: look at it"


def _describe(spec: InputSpec) -> str:
    """How pictures are prepared, in words."""
    crop = "stretched" if spec.crop is None else f"{spec.crop:.1%} of the shorter side kept"
    if spec.crop is not None and spec.is_stretched:
        crop = f"stretched, {spec.crop:.1%} of each side kept"
    return f"{spec.size} x {spec.size} pixels, {crop}, {spec.resize}"


def _look(engine: Engine, folder: Path) -> list[Seen]:
    from PIL import Image  # noqa: PLC0415 - only here

    seen = list[Seen]()
    found = Walk(Filters(), is_sorted=True).find(str(folder))
    for path in _spread([each.path for each in found]):
        try:
            encoded, _ = read_file(path, engine.limit_bytes)
            decoded = engine.decode(encoded, None, is_alone=True)
            result = engine.result(engine.infer(decoded, None), _REQUEST, 0.0)
        except TaskError:
            continue
        png = io.BytesIO()
        Image.fromarray(decoded.pixels).save(png, "PNG")
        name = printable(to_unicode(str(Path(path).relative_to(folder))))
        seen.append(Seen(name, png.getvalue(), result))
        if len(seen) == _SHOWN:
            break
    return sorted(seen, key=lambda each: each.file)


def _spread(paths: Sequence[str]) -> Iterator[str]:
    """All paths; the first ten are from all over the folder, which may be sorted by class."""
    step = max(1, len(paths) // _SHOWN)
    for first in range(step):
        yield from paths[first::step]


def _is_own(page: Path) -> bool:
    try:
        with page.open("rb") as file:
            return file.read(len(MARK)) == MARK.encode()
    except OSError:
        return False
