"""The device that runs a network, as `--device` names it."""

import re
from dataclasses import dataclass
from typing import Final, Self

_NUMBERED: Final = re.compile(r"\d{1,3}")
_OPENVINO: Final = re.compile(r"[A-Z]{1,16}(\.\d{1,3})?")

#: Allowed text after the kind and a colon; None: nothing.
_PARTS: Final[dict[str, re.Pattern[str] | None]] = {
    "auto": None,
    "cpu": None,
    "cuda": _NUMBERED,
    "openvino": _OPENVINO,
    "coreml": None,
    "directml": _NUMBERED,
}

#: The values of `--device`, for messages and help.
DEVICES: Final = "auto, cpu, cuda, cuda:N, openvino, openvino:GPU, coreml, directml, directml:N"


@dataclass(frozen=True, slots=True)
class Device:
    """A kind of device, and which one of several.

    Attributes:
        kind: "auto" stands for a GPU if there is one, else the CPU.
        part: "1" of "cuda:1", "GPU" of "openvino:GPU"; empty for the first or only one.
    """

    kind: str
    part: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads "cuda:1" and the like.

        Raises:
            ValueError: it does not name a device.
        """
        kind, colon, part = text.partition(":")
        known = _PARTS.get(kind)
        if kind not in _PARTS or (colon and (known is None or not known.fullmatch(part))):
            raise ValueError(f"must be one of {DEVICES}")
        return cls(kind, part)

    def __str__(self) -> str:
        return f"{self.kind}:{self.part}" if self.part else self.kind


CPU: Final = Device("cpu")
