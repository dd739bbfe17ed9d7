import pytest
from PIL import AvifImagePlugin

from support import corpus
from taskworker_classifyimage.decode import DecodeLimits, decode
from taskworker_classifyimage.errors import UnsupportedFormat
from taskworker_classifyimage.input_spec import InputSpec


@pytest.mark.filterwarnings("ignore:image file could not be identified")
def test_a_pillow_without_avif_makes_no_avif_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some builds of Pillow have no AVIF."""
    monkeypatch.setattr(AvifImagePlugin, "SUPPORTED", False)
    with pytest.raises(UnsupportedFormat, match="AVIF"):
        decode(corpus.encoded("avif"), InputSpec(64, None), DecodeLimits())
