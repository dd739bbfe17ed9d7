import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from support import corpus
from support.pools import real_pool
from taskworker_classifyimage.decode import DecodeLimits, decode, is_rare
from taskworker_classifyimage.errors import DamagedPicture
from taskworker_classifyimage.input_spec import InputSpec
from taskworker_classifyimage.sandbox.lockdown import ProcessLimits
from taskworker_classifyimage.sandbox.pool import DecoderPool, choose_launcher

SPEC = InputSpec(size=224, crop=0.875)

# Decoding libraries warn about odd files; the program silences them when it starts.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture(scope="module")
def pool() -> Iterator[DecoderPool]:
    with real_pool() as pool:
        pool.start()
        yield pool


@pytest.mark.parametrize("name", corpus.names())
def test_a_locked_down_decoder_decodes_what_this_process_does(pool: DecoderPool, name: str) -> None:
    """Everything that a format needs is preloaded, and the pixels and facts are the same."""
    encoded = corpus.encoded(name)
    here, there = decode(encoded, SPEC, DecodeLimits()), pool.decode(encoded, SPEC)
    assert np.array_equal(there.pixels, here.pixels)
    assert there.facts == here.facts


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_libraries_of_rare_formats_are_loaded_when_the_first_such_picture_comes() -> None:
    """They take memory and time; all others are decoded without, and no decoder dies of it."""
    frequent = [name for name in corpus.names() if not is_rare(corpus.encoded(name))]
    with real_pool(processes=1) as pool:
        for name in frequent:
            encoded = corpus.encoded(name)
            there = pool.decode(encoded, SPEC)
            assert np.array_equal(there.pixels, decode(encoded, SPEC, DecodeLimits()).pixels), name
        assert {"jpeg_ycck", "png_apple", "gif", "webp_alpha"} <= {*frequent}
        assert not has_rare_libraries(pool)
        assert pool.decode(corpus.encoded("heic"), SPEC).facts.format == "HEIC"
        assert has_rare_libraries(pool)
        assert not pool.ends.total()


def has_rare_libraries(pool: DecoderPool) -> bool:
    (pid,) = pool.pids
    return "imagecodecs" in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")


def test_a_library_that_is_not_installed_is_no_fault_of_the_program() -> None:
    """A RAW file whose small preview is broken, where no library can develop the file."""
    launcher = choose_launcher(ProcessLimits(60, 2**30), "support.without_libraw:decode")
    preview = corpus.save(corpus.reference().resize((60, 40)), "JPEG")
    raw = corpus.dng(corpus.reference(), preview[: len(preview) // 3])
    with (
        DecoderPool(launcher, processes=1) as pool,
        pytest.raises(DamagedPicture),
    ):
        pool.decode(raw, InputSpec(size=128, crop=None))
