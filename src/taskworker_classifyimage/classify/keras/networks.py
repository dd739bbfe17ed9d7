"""The classification networks of Keras, as data: nothing here needs Keras."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

_TABLE: Final = Path(__file__).parents[2] / "data" / "keras-networks.toml"
_BYTES_A_PARAMETER: Final = 4


@dataclass(frozen=True, slots=True)
class KerasNetwork:
    """A network of `keras.applications` and its published ImageNet weights.

    Attributes:
        name: of the function in `keras.applications`, such as "MobileNetV3Large".
        family: of the module there, which has the network's own preprocessing.
        size: side of the square input, in pixels.
        published_top1: 0 to 1.
        file: name that Keras saves the weights under.
        url: the publisher's address of the weights.
        licence: of the weights.
        md5: as published, hexadecimal; None where there is none.
        sha256: as published, hexadecimal; None where there is none.
        size_bytes: of the file; None where one of the checksums tells more.
    """

    name: str
    family: str
    size: int
    published_top1: float
    parameters: int
    file: str
    url: str
    licence: str
    md5: str | None
    sha256: str | None
    size_bytes: int | None

    @property
    def about_bytes(self) -> int:
        """How large the file is, to a per cent or so."""
        return self.size_bytes or self.parameters * _BYTES_A_PARAMETER


@cache
def keras_networks() -> dict[str, KerasNetwork]:
    """Every network by its name, family by family."""
    return {network.name: network for network in _read()}


def _read() -> Iterator[KerasNetwork]:
    for family, table in tomllib.loads(_TABLE.read_text(encoding="utf-8")).items():
        for row in table["networks"]:
            yield KerasNetwork(
                name=row["name"],
                family=family,
                size=row["size"],
                published_top1=row["top1"],
                parameters=row["parameters"],
                file=row["file"],
                url=table["url"] + row.get("remote", row["file"]),
                licence=table["licence"],
                md5=row.get("md5"),
                sha256=row.get("sha256"),
                size_bytes=row.get("size_bytes"),
            )
