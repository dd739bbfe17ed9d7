"""A program that measures what decoding the corpus, with thumbnails, takes in memory.

For Linux only. It prints JSON: by name, the estimate, the peak and the file's size, all in bytes.
"""

import ctypes
import json
import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from support import corpus
from taskworker_classifyimage.decode import DecodeLimits, decode, preload_decoders
from taskworker_classifyimage.errors import NeedsMemory
from taskworker_classifyimage.input_spec import InputSpec
from taskworker_classifyimage.machine import return_freed_memory

_SPEC: Final = InputSpec(260, crop=0.875)
#: About half a megapixel: enough to outweigh what a library takes for itself.
_WIDTH: Final = 850


def main() -> None:
    """Measures all files, each in a child of its own."""
    return_freed_memory()  # as the decoders do
    preload_decoders(rare=True)
    measured = {}
    for name in corpus.names():
        encoded = corpus.encoded(name, _WIDTH)
        peak = _peak_bytes(partial(decode, encoded, _SPEC, DecodeLimits(), thumbnail=True))
        measured[name] = (needed_bytes(encoded), peak, len(encoded))
    print(json.dumps(measured))


def needed_bytes(encoded: bytes) -> int:
    """What decoding a file needs, as it finds out step by step."""
    given = 0
    while True:
        try:
            decode(encoded, _SPEC, DecodeLimits(memory_bytes=given))
        except NeedsMemory as err:
            needed = err.needed_bytes
            assert needed is not None
            assert needed > given
            given = needed
        else:
            return given


def _peak_bytes(work: Callable[[], object]) -> int:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        # What this process has freed and kept would be used again, and not be seen.
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        before = _status("VmRSS")
        work()
        os.write(writer, b"%d" % (_status("VmHWM") - before))
        os._exit(0)
    os.waitpid(child, 0)
    return int(os.read(reader, 100))


def _status(key: str) -> int:
    found = re.search(rf"{key}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert found is not None
    return int(found[1]) * 1024


if __name__ == "__main__":
    main()
