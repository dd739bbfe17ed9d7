"""A picture on its way from bytes to pixels, and the limits that apply to it."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image

    #: (H, W), true where a pixel comes from the file.
    Mask = npt.NDArray[np.bool_]

#: The longer side of a thumbnail, in pixels; smaller pictures are not enlarged.
THUMBNAIL_SIDE: Final = 96


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """The largest picture that is accepted.

    Attributes:
        file_bytes: largest encoded file, checked while it is read.
        pixels: largest width times height, checked on the header before anything is decoded.
        memory_bytes: what decoding may take, with the encoded file, as far as the header tells;
            None: no limit.
    """

    file_bytes: int = 256 * 2**20
    pixels: int = 200_000_000
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that is being decoded; what is not listed here is as in `PictureFacts`.

    Attributes:
        image: Pillow's image; most decoders decode the pixels only when it is loaded.
        orientation: by EXIF, 1 to 8; None until the pixels are decoded, if stored behind them.
        is_turned: whether the decoder turns the picture upright.
        mask: (H, W) of the image or of a smaller version of it; None if nothing is missing.
        share: of the picture that comes from the file, 0 to 1.
        is_coarse: whether that part lacks detail.
    """

    image: "Image.Image"
    width: int
    height: int
    orientation: int | None
    is_turned: bool
    decoder: str
    warnings: tuple[str, ...] = ()
    mask: "Mask | None" = None
    share: float = 1.0
    is_coarse: bool = False


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """The facts about a picture that go into a result.

    Attributes:
        format: found by content, such as "JPEG".
        width, height: in pixels, as stored.
        orientation: by EXIF, 1 to 8; how the stored picture was turned to be upright.
        decoder: library and version, such as "Pillow 12.0.0, libjpeg-turbo 3.1.2".
        warnings: what an examiner has to know of how it was decoded.
    """

    format: str
    width: int
    height: int
    orientation: int
    decoder: str
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class Maker:
    """The process that decoded a picture, for those who keep what it said.

    Attributes:
        is_replaced: what it said is not to be used again: a picture may have taken it over.
    """

    is_replaced: bool = False


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture as a network's input.

    Attributes:
        pixels: (S, S, 3) uint8 RGB, 0 to 255.
        facts: about the file.
        thumbnail: (H, W, 3) uint8 RGB of the whole picture, upright; None if it was not wanted.
        maker: the process that says so.
    """

    pixels: "npt.NDArray[np.uint8]"
    facts: PictureFacts
    thumbnail: "npt.NDArray[np.uint8] | None" = None
    maker: Maker = field(default_factory=Maker, compare=False)
