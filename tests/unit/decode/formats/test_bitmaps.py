import numpy as np
from PIL import Image

from support import corpus
from taskworker_classifyimage.decode import DecodeLimits, decode
from taskworker_classifyimage.input_spec import InputSpec


def colour_of_tga(*shade: int) -> list[int]:
    """The mean colour of a decoded TGA of one colour and alpha."""
    encoded = corpus.save(Image.new("RGBA", (80, 80), shade), "TGA")
    pixels = decode(encoded, InputSpec(size=64, crop=0.875), DecodeLimits()).pixels
    mean: list[int] = pixels.reshape(-1, 3).mean(axis=0).round().astype(int).tolist()
    return mean


def test_a_tga_whose_alpha_is_nowhere_has_none() -> None:
    """Programs that know no alpha write 0; the picture is shown, not the background."""
    assert colour_of_tga(200, 100, 50, 0) == [200, 100, 50]
    assert np.abs(np.subtract(colour_of_tga(255, 0, 0, 128), (191, 63, 63))).max() <= 1
