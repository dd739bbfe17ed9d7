"""What this installation decodes, and with what."""

import importlib.metadata
import importlib.util
from dataclasses import dataclass
from functools import cache

import PIL
from PIL import features

from taskworker_classifyimage.decode.identify import Format

#: Libraries within Pillow that may be left out when it is built, by the name it gives them.
_WITHIN_PILLOW = {
    Format.JPEG: ("libjpeg_turbo", "libjpeg-turbo"),
    Format.PNG: ("zlib_ng", "zlib-ng"),
    Format.WEBP: ("webp", "libwebp"),
    Format.TIFF: ("libtiff", "libtiff"),
    Format.JPEG_2000: ("jpg_2000", "OpenJPEG"),
    Format.AVIF: ("avif", "libavif"),
}
#: Other libraries, by the name under which they are installed.
_OTHERS = {
    Format.HEIC: "pillow-heif",
    Format.JPEG_XL: "imagecodecs",
    Format.RAW: "rawpy",
}


@dataclass(frozen=True, slots=True)
class Decoder:
    """A library that decodes pictures.

    Attributes:
        name: such as "Pillow".
        version: as installed.
        formats: what it is used for here.
    """

    name: str
    version: str
    formats: tuple[str, ...]


def decoders() -> list[Decoder]:
    """Every library that is installed here, and what it decodes; imports none of the heavy ones."""
    pillow = [str(kind) for kind in Format if kind not in _OTHERS and _is_within(kind)]
    found = [Decoder("Pillow", PIL.__version__, (*pillow, "previews of camera RAW"))]
    found += [
        Decoder(name, importlib.metadata.version(name), (kind,))
        for kind, name in _OTHERS.items()
        if is_installed(name)
    ]
    return found


@cache
def version_of(name: str, kind: Format | None = None) -> str:
    """Library and version, such as "Pillow 12.0.0, libjpeg-turbo 3.1.2"."""
    text = f"{name} {importlib.metadata.version(name)}"
    if name == "Pillow" and kind in _WITHIN_PILLOW:
        feature, within = _WITHIN_PILLOW[kind]
        version = features.version(feature)
        text += f", {within} {version}" if version else ""
    return text


@cache
def is_installed(name: str) -> bool:
    """Whether a library is there, without loading it; looked for once, as a decoder cannot."""
    return importlib.util.find_spec(name.replace("-", "_")) is not None


def _is_within(kind: Format) -> bool:
    feature, _ = _WITHIN_PILLOW.get(kind, ("", ""))
    return feature in ("", "libjpeg_turbo", "zlib_ng") or bool(features.check(feature))
