"""The names of all formats, for those who need none of the libraries that decode them."""

from typing import Final

#: Those of `formats.registry`.
FORMAT_NAMES: Final = frozenset(
    (
        "AVIF",
        "BMP",
        "CUR",
        "DDS",
        "GIF",
        "HEIC",
        "ICO",
        "JPEG",
        "JPEG 2000",
        "JPEG XL",
        "PCX",
        "PNG",
        "PNM",
        "PSD",
        "TGA",
        "TIFF",
        "WebP",
        "camera RAW",
    )
)
