"""Title overlay: white letters on a dark bar at the lower left, in Pillow's own font."""

from functools import lru_cache

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

_BAR_LUMA, _LETTER_LUMA, _GREY = 24, 230, 128  # limited range; no colour
_OPACITY = 0.75
COLOUR_FIELDS = ("color_range", "colorspace", "color_primaries", "color_trc")


@lru_cache(maxsize=64)
def font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return Pillow's built-in font in this size, so that no font needs to be installed."""
    return ImageFont.load_default(size_px)


class Title:
    """A text, rendered once for pictures of one size, (width, height)."""

    def __init__(self, text: str, size: tuple[int, int]) -> None:
        width, height = size
        letter_px = max(9, height // 18)
        letters, text = font(letter_px), " ".join(text.split())
        available_px = width - 2 * letter_px
        while text and letters.getlength(text) > available_px - letter_px:
            text = text[:-2].rstrip() + "…" if len(text) > 2 else ""
        # Even numbers: in yuv420p a colour is stored for two by two pixels.
        box = int(letters.getlength(text) + letter_px) // 2 * 2, int(1.6 * letter_px) // 2 * 2
        self.left = letter_px // 2 * 2
        self.top = (height - 2 * letter_px - box[1]) // 2 * 2
        mask = Image.new("L", box, 0)
        anchor = (letter_px / 2, box[1] / 2)
        ImageDraw.Draw(mask).text(anchor, text, fill=255, font=letters, anchor="lm")
        self.mask = np.asarray(mask, np.float32) / 255 if text else None  # (height, width)

    def draw(self, picture: av.VideoFrame) -> av.VideoFrame:
        """Return a yuv420p picture with the title in it."""
        if self.mask is None:
            return picture
        array = picture.to_ndarray()  # (height * 3 / 2, width): Y, then U, then V
        width, height = picture.width, picture.height
        rows, columns = self.mask.shape
        luma = array[self.top : self.top + rows, self.left : self.left + columns]
        barred = luma * (1 - _OPACITY) + _BAR_LUMA * _OPACITY
        luma[:] = barred + (_LETTER_LUMA - barred) * self.mask
        for plane in array[height:].reshape(2, height // 2, width // 2):
            part = plane[
                self.top // 2 : (self.top + rows) // 2, self.left // 2 : (self.left + columns) // 2
            ]
            part[:] = part * (1 - _OPACITY) + _GREY * _OPACITY
        titled = av.VideoFrame.from_ndarray(array, format="yuv420p")
        for name in COLOUR_FIELDS:
            setattr(titled, name, getattr(picture, name))
        return titled
