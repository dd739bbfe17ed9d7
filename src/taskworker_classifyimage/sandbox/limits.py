"""What one picture may cost a decoder process."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """Limits on what decoding one picture takes, besides its bytes and pixels.

    Attributes:
        time_s: on the clock, and of CPU time of all the decoder's threads together.
        memory_bytes: of the whole decoder process; holds on Linux only.
    """

    time_s: float
    memory_bytes: int
