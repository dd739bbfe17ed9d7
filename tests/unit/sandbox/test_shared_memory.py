import os
import sys

import pytest

if sys.platform != "linux":
    pytest.skip("the memory is Linux'", allow_module_level=True)

from taskworker_classifyimage.sandbox import shared_memory


def test_neither_side_can_change_the_size() -> None:
    """Who reads memory that was cut off is killed: a decoder could end its worker."""
    descriptor = shared_memory.create()
    assert descriptor is not None
    try:
        with shared_memory.attach(descriptor) as near, shared_memory.attach(descriptor) as far:
            for size in (0, 4096, 2 * shared_memory.SHARED_BYTES):
                with pytest.raises(PermissionError):
                    os.truncate(descriptor, size)
            near[:5] = b"hello"
            assert far[:5] == b"hello"
            assert len(far) == shared_memory.SHARED_BYTES
    finally:
        os.close(descriptor)
