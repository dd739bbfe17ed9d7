"""Builds the pool of decoder processes that several commands use."""

from typing import Final

from taskworker_classifyimage.machine import usable_memory_bytes
from taskworker_classifyimage.sandbox.lockdown import ProcessLimits
from taskworker_classifyimage.sandbox.pool import DecoderPool, choose_launcher
from taskworker_classifyimage.settings import Settings

#: Enough for 200 million pixels in most formats.
_MAX_MEMORY_BYTES: Final = 2 * 2**30


def decoder_pool(settings: Settings) -> DecoderPool:
    """The pool that the settings describe; to be entered."""
    memory_bytes, state = usable_memory_bytes(), settings.state_folder()
    # One picture must not be able to take all the memory of a small container.
    picture_bytes = min(_MAX_MEMORY_BYTES, memory_bytes // 2) if memory_bytes else _MAX_MEMORY_BYTES
    return DecoderPool(
        choose_launcher(ProcessLimits(settings.decode_timeout, picture_bytes)),
        processes=settings.decoder_processes,
        notes=state and state / "deaths",
    )
