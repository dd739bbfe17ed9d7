"""Pickles, which run code when they are loaded: known by their content and refused by name."""

import re
import zipfile
from pathlib import Path
from typing import Final

from taskworker_classifyimage.errors import ModelError

_SUFFIXES: Final = (".pt", ".pth", ".pkl", ".pickle", ".bin", ".joblib", ".ckpt")
#: The first bytes of pickles of protocols 2 to 5, which all tools write.
_PICKLE: Final = re.compile(rb"\x80[\x02-\x05]")
_ADVICE: Final = (
    "runs code when it is loaded, so it is not; where you trust it, load it with its own library "
    "and export it: torch.onnx.export(model.eval(), ...) with a free first dimension (fastai: "
    "learn.model, the names are learn.dls.vocab), or model.export(format='onnx') of ultralytics; "
    "then pack the .onnx file"
)


def refuse_pickle(path: Path) -> None:
    """Refuses a file that is a pickle, whatever its name.

    Raises:
        ModelError: it is one; the message says how its network is exported.
    """
    if kind := _read_kind(path):
        raise ModelError(f"{path} is a {kind}: it {_ADVICE}")


def refuse_pickles(folder: Path) -> None:
    """Refuses a folder in which nothing else was found than a pickle.

    Raises:
        ModelError: there is one.
    """
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in _SUFFIXES and path.is_file():
            refuse_pickle(path)


def _read_kind(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            begin = file.read(4)
        if _PICKLE.match(begin):
            return "pickle"
        if begin != b"PK\x03\x04":
            return None
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile, ValueError):
        return None
    if not any(re.fullmatch(r"[^/]*/?data\.pkl", name) for name in names):
        return None
    return "TorchScript file" if any("/code/" in name for name in names) else "pickle of torch"
