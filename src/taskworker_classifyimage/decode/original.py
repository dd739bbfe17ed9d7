"""What the original worker makes of a picture: Keras' `load_img(path, target_size=(S, S))`."""

from PIL import Image


def original_square(image: Image.Image, size: int) -> Image.Image:
    """A picture of any mode to (S, S) RGB: stretched, the nearest pixel.

    It is not turned as EXIF says, colours under transparency show, more than 8 bits are converted
    as Pillow likes: the aim is the same pixels, not better ones.
    """
    return image.convert("RGB").resize((size, size), Image.Resampling.NEAREST)
