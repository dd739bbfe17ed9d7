"""The classification networks of Keras, read from a table: nothing here needs Keras."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

_TABLE: Final = Path(__file__).parents[2] / "data" / "keras-networks.toml"


@dataclass(frozen=True, slots=True)
class KerasNetwork:
    """A network of `keras.applications` and its published ImageNet weights.

    Attributes:
        name: the function in `keras.applications`, such as "MobileNetV3Large".
        family: the module there, which has the network's own preprocessing.
        size: side of the square input, in pixels.
        published_top1: 0 to 1.
        file: the name under which Keras saves the weights.
        url: the publisher's address of the weights.
        licence: of the weights.
        md5: as published, hexadecimal; None if none is.
        sha256: as published, hexadecimal; None if none is.
        size_bytes: of the file; None if a checksum is published.
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
        """Size of the file, exact to about a per cent: four bytes for each parameter."""
        return self.size_bytes or self.parameters * 4


@cache
def keras_networks() -> dict[str, KerasNetwork]:
    """Every network by name, family by family."""
    networks: dict[str, KerasNetwork] = {}
    for family, table in tomllib.loads(_TABLE.read_text(encoding="utf-8")).items():
        for row in table["networks"]:
            networks[row["name"]] = KerasNetwork(
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
    return networks
