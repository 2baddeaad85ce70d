"""Titles in the picture: white letters on a dark bar at the lower left."""

import av
import numpy as np
from PIL import Image, ImageDraw

from touchline.reels.lettering import font

_BAR_LUMA, _LETTER_LUMA, _GREY = 24, 230, 128  # limited range; no colour
_OPACITY = 0.75
COLOUR_FIELDS = ("color_range", "colorspace", "color_primaries", "color_trc")


class Title:
    """A text, drawn once for pictures of one size, (width, height)."""

    def __init__(self, text: str, size: tuple[int, int]) -> None:
        width, height = size
        px = max(9, height // 18)
        letters, text = font(px), " ".join(text.split())
        room = width - 2 * px
        while text and letters.getlength(text) > room - px:
            text = text[:-2].rstrip() + "…" if len(text) > 2 else ""
        # Even numbers: a colour is stored for two by two pixels.
        box = int(letters.getlength(text) + px) // 2 * 2, int(1.6 * px) // 2 * 2
        self.left, self.top = px // 2 * 2, (height - 2 * px - box[1]) // 2 * 2
        mask = Image.new("L", box, 0)
        ImageDraw.Draw(mask).text((px / 2, box[1] / 2), text, fill=255, font=letters, anchor="lm")
        self.letters = np.asarray(mask, np.float32) / 255 if text else None  # (height, width)

    def draw(self, picture: av.VideoFrame) -> av.VideoFrame:
        """Return a yuv420p picture with the title in it."""
        if self.letters is None:
            return picture
        array = picture.to_ndarray()  # (height * 3 / 2, width): Y, then U, then V
        width, height = picture.width, picture.height
        rows, columns = self.letters.shape
        luma = array[self.top : self.top + rows, self.left : self.left + columns]
        barred = luma * (1 - _OPACITY) + _BAR_LUMA * _OPACITY
        luma[:] = barred + (_LETTER_LUMA - barred) * self.letters
        for colour in array[height:].reshape(2, height // 2, width // 2):
            part = colour[
                self.top // 2 : (self.top + rows) // 2, self.left // 2 : (self.left + columns) // 2
            ]
            part[:] = part * (1 - _OPACITY) + _GREY * _OPACITY
        drawn = av.VideoFrame.from_ndarray(array, format="yuv420p")
        for name in COLOUR_FIELDS:
            setattr(drawn, name, getattr(picture, name))
        return drawn
