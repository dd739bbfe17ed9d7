"""decode: an encoded picture to the pixels that a network needs."""

from typing import Protocol

from taskworker_classifyimage.decode import Decoded, DecodeLimits
from taskworker_classifyimage.input_spec import InputSpec


class Decoders(Protocol):
    """The processes that decode: a `sandbox.DecoderPool`, never this process itself."""

    @property
    def limits(self) -> DecodeLimits:
        """The largest file and picture that is decoded, and the most memory for one."""

    def decode(
        self,
        encoded: bytes,
        spec: InputSpec,
        memory_bytes: int | None = None,
        *,
        is_alone: bool = True,
        thumbnail: bool = False,
    ) -> Decoded:
        """Decodes a picture to a square of `spec.size`.

        Args:
            encoded: the file.
            spec: what the network takes.
            memory_bytes: what decoding may take, with the file; None: as much as any picture.
            is_alone: whether nothing else decodes meanwhile.
            thumbnail: whether a thumbnail is wanted as well.

        Raises:
            TaskError: it cannot be decoded.
            NeedsMemory: it could be with more memory, or alone.
        """
