"""decode: an encoded picture to the pixels that a network needs."""

from typing import Protocol

from taskworker_classifyimage.decode import Decoded, DecodeLimits
from taskworker_classifyimage.input_spec import InputSpec


class Decoders(Protocol):
    """The processes that decode: a `sandbox.DecoderPool`, never this process itself."""

    @property
    def limits(self) -> DecodeLimits:
        """The largest file and picture that is decoded."""

    def decode(self, encoded: bytes, spec: InputSpec) -> Decoded:
        """Decodes a picture to a square of `spec.size`.

        Raises:
            TaskError: it cannot be decoded.
        """
