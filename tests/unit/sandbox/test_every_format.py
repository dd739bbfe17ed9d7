from collections.abc import Iterator

import numpy as np
import pytest

from support import corpus
from support.pools import real_pool
from taskworker_classifyimage.decode import DecodeLimits, decode
from taskworker_classifyimage.errors import DamagedPicture
from taskworker_classifyimage.input_spec import InputSpec
from taskworker_classifyimage.sandbox.limits import ProcessLimits
from taskworker_classifyimage.sandbox.pool import DecoderPool, native_launcher

SPEC = InputSpec(size=224, crop=0.875)

# Decoders remark on odd files; the program silences that where it starts.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture(scope="module")
def pool() -> Iterator[DecoderPool]:
    with real_pool() as pool:
        pool.start()
        yield pool


@pytest.mark.parametrize("name", corpus.names())
def test_a_locked_up_decoder_decodes_what_a_free_one_does(pool: DecoderPool, name: str) -> None:
    """Nothing that a format needs is loaded too late, and the pixels and facts are the same."""
    encoded = corpus.encoded(name)
    free, locked_up = decode(encoded, SPEC, DecodeLimits()), pool.decode(encoded, SPEC)
    assert np.array_equal(locked_up.pixels, free.pixels)
    assert locked_up.facts == free.facts


def test_a_library_that_is_not_installed_makes_no_fault_of_damage() -> None:
    """A RAW file with a small preview that is broken, where nothing could develop the file."""
    limits = ProcessLimits(60, 2**30)
    launcher = native_launcher(limits, "support.without_libraw:decode")
    preview = corpus.save(corpus.reference().resize((60, 40)), "JPEG")
    raw = corpus.dng(corpus.reference(), preview[: len(preview) // 3])
    with (
        DecoderPool(launcher, DecodeLimits(), limits, processes=1) as pool,
        pytest.raises(DamagedPicture),
    ):
        pool.decode(raw, InputSpec(size=128, crop=None))
