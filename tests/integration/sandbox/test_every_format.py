from collections.abc import Iterator

import numpy as np
import pytest

from support import corpus
from support.pools import real_pool
from taskworker_classifyimage.decode import DecodeLimits, decode
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
