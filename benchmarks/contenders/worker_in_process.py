"""The worker with pictures decoded in its own process, which it never does: what isolation costs.

Takes the flags of `taskworker-classifyimage work`.
"""

import sys
from collections import Counter
from contextlib import nullcontext
from typing import ClassVar

from taskworker_classifyimage.cli import main
from taskworker_classifyimage.commands import local_engine
from taskworker_classifyimage.decode import Decoded, DecodeLimits, decode
from taskworker_classifyimage.input_spec import InputSpec
from taskworker_classifyimage.settings.areas import Decoding


class InProcess:
    """Stands in for a `DecoderPool`."""

    limits = DecodeLimits()
    processes = 1
    pids: tuple[int, ...] = ()
    ends: ClassVar[Counter[str]] = Counter()
    fault = None

    def decode(self, encoded: bytes, spec: InputSpec, *_: object, **_more: object) -> Decoded:
        """On the thread that asks."""
        return decode(encoded, spec, self.limits)

    def start(self) -> None:
        """Nothing to start."""

    def close(self) -> None:
        """Nothing to end."""


def no_pool(_decoding: Decoding) -> nullcontext[InProcess]:
    """Instead of `commands.parts.decoder_pool`."""
    return nullcontext(InProcess())


if __name__ == "__main__":
    local_engine.decoder_pool = no_pool
    sys.exit(main(["work", *sys.argv[1:]]))
