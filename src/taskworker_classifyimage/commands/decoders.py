"""The decoder processes that several commands use, as the settings say."""

from pathlib import Path
from typing import Final

from platformdirs import user_state_path

from taskworker_classifyimage.decode import DecodeLimits
from taskworker_classifyimage.machine import usable_memory_bytes
from taskworker_classifyimage.sandbox import DecoderPool, ProcessLimits, native_launcher
from taskworker_classifyimage.settings import Settings

#: Enough for 200 million pixels in most formats.
_MOST_MEMORY_BYTES: Final = 2 * 2**30


def decoder_pool(settings: Settings) -> DecoderPool:
    """To be entered; `start` waits until its processes are up."""
    memory_bytes = usable_memory_bytes()
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
        notes=_notes_folder(),
    )


def _notes_folder() -> Path | None:
    try:
        return user_state_path("taskworker-classifyimage", appauthor=False) / "deaths"
    except RuntimeError:
        # No home, as in a container: what decoders died of is remembered until the program ends.
        return None
