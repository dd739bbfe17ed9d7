"""decode: an encoded picture to the pixels that a network wants to see."""

from typing import Protocol

from taskworker_classifyimage.decode import Decoded, DecodeLimits
from taskworker_classifyimage.input_spec import InputSpec


class Decoders(Protocol):
    """What decodes for the pipeline: a `sandbox.DecoderPool`, never this process itself."""

    @property
    def limits(self) -> DecodeLimits:
        """What a picture may cost."""

    def decode(self, encoded: bytes, spec: InputSpec) -> Decoded:
        """An encoded picture to a square of `spec.size`.

        Raises:
            TaskError: it cannot be decoded.
        """
