"""Writes a pack beside its final place, where only a finished one is ever seen."""

import hashlib
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from taskworker_classifyimage.classify.base import (
    DEFAULT_THRESHOLD,
    ILSVRC2012_CLASSES,
    INDEPENDENT_KINDS,
    OutputKind,
    OwnClasses,
)
from taskworker_classifyimage.classify.description import description_text, read_pack
from taskworker_classifyimage.classify.model_pack import (
    DESCRIPTION_FILE,
    MODEL_FILE,
    MODEL_LIMIT_BYTES,
    ModelPack,
)
from taskworker_classifyimage.errors import ConfigError, ModelError
from taskworker_classifyimage.packing.comparison import guess_kind
from taskworker_classifyimage.packing.network import Network, PackOptions, Scores
from taskworker_classifyimage.packing.onnx_reading import read_facts


def check_output(output: Path) -> None:
    """Checks, before any work is done, that the pack can be written there.

    Raises:
        ConfigError: something is there already, or the folder around it is missing.
    """
    if output.exists():
        raise ConfigError(f"--output: {output} is there already; name another, or remove it")
    if not output.parent.is_dir():
        raise ConfigError(f"--output: there is no folder {output.parent}")


@contextmanager
def unfinished_pack(output: Path) -> Iterator[Path]:
    """A folder that becomes `output`, a folder or a zip, or is removed if an error occurs.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        with tempfile.TemporaryDirectory(
            prefix=".unfinished-", dir=output.parent, ignore_cleanup_errors=True
        ) as temporary:
            folder = Path(temporary) / "pack"
            folder.mkdir()
            yield folder
            finished = _zip(folder) if output.suffix == ".zip" else folder
            finished.rename(output)
    except OSError as err:
        raise ConfigError(f"--output: {output} cannot be written: {err.strerror or err}") from err


def write_pack(network: Network, options: PackOptions, scores: Scores, folder: Path) -> ModelPack:
    """Writes both files of a pack and reads them as its users will.

    Raises:
        ConfigError: classes are missing, or do not fit the network.
        ModelError: the pack is not valid.
    """
    if len(network.onnx) >= MODEL_LIMIT_BYTES:
        raise ModelError(f"the network has {len(network.onnx)} bytes, no ONNX file can hold it")
    (folder / MODEL_FILE).write_bytes(network.onnx)
    kind = options.kind or _read_kind(network, scores)
    pack = ModelPack(
        name=options.name or network.name,
        version=options.version,
        licence=options.licence or network.licence,
        source=options.source or network.source,
        published_top1=network.published_top1,
        sha256=hashlib.sha256(network.onnx).hexdigest(),
        input=network.input,
        classes=_choose_classes(network, options, scores.shape[1]),
        temperature=1.0,
        threshold=DEFAULT_THRESHOLD if kind in INDEPENDENT_KINDS else None,
        labels_dir=None,
        saturation_safe=False,
        tensor=network.tensor,
        output=kind,
        path=folder,
    )
    (folder / DESCRIPTION_FILE).write_text(description_text(pack), encoding="utf-8")
    return read_pack(folder)


def _read_kind(network: Network, scores: Scores) -> OutputKind:
    """What the scores are: a sigmoid at the end makes classes that do not exclude each other."""
    if read_facts(network.onnx).last == "Sigmoid":
        return "independent"
    return guess_kind(scores)


def _choose_classes(network: Network, options: PackOptions, outputs: int) -> OwnClasses | None:
    """The classes by class index, None for those of ILSVRC2012."""
    classes = options.classes or network.classes
    if classes is None and outputs != ILSVRC2012_CLASSES:
        raise ConfigError(f"the network has {outputs} outputs: name its classes with --classes")
    if classes is not None and len(classes.ids) != outputs:
        subject = "the source's classes" if options.classes is None else "--classes"
        raise ConfigError(
            f"{subject}: there are {len(classes.ids)} of them, the network has {outputs} outputs"
        )
    return classes


def _zip(folder: Path) -> Path:
    # Not compressed: weights hardly shrink, and every start would decompress them.
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for member in sorted(folder.iterdir()):
            archive.write(member, member.name)
    return path
