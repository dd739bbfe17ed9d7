"""The decoder processes that several commands use, as the settings say."""

from typing import Final

from taskworker_classifyimage.decode import DecodeLimits
from taskworker_classifyimage.machine import usable_memory_bytes
from taskworker_classifyimage.sandbox.limits import ProcessLimits
from taskworker_classifyimage.sandbox.pool import DecoderPool, native_launcher
from taskworker_classifyimage.settings import Settings

#: Enough for 200 million pixels in most formats.
_MOST_MEMORY_BYTES: Final = 2 * 2**30


def decoder_pool(settings: Settings) -> DecoderPool:
    """To be entered; `start` waits until its processes are up."""
    memory_bytes, state = usable_memory_bytes(), settings.state_folder()
    limits = ProcessLimits(
        time_s=settings.decode_timeout,
        # One picture must not be able to take all that a small container has.
        memory_bytes=min(_MOST_MEMORY_BYTES, (memory_bytes or 2 * _MOST_MEMORY_BYTES) // 2),
    )
    return DecoderPool(
        native_launcher(limits),
        DecodeLimits(),
        limits,
        processes=settings.decoder_processes,
        notes=state and state / "deaths",
    )
