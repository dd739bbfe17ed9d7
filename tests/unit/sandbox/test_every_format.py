from collections.abc import Iterator

import numpy as np
import pytest

from support import corpus
from support.pools import real_pool
from taskworker_classifyimage.classify.model import InputSpec
from taskworker_classifyimage.decode import DecodeLimits, decode
from taskworker_classifyimage.sandbox.pool import DecoderPool

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
