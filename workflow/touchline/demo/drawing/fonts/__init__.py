"""Fonts of the score bugs: Pillow's own and four of the DejaVu fonts, reduced to ASCII.

They come with the package, so that the same pictures are drawn on every machine. The DejaVu fonts
are free ([LICENSE.txt](LICENSE.txt)).
"""

from functools import lru_cache
from pathlib import Path
from typing import Literal

from PIL import ImageFont

from touchline.reels import title_overlay

Font = Literal["Pillow", "Sans-Bold", "SansCondensed-Bold", "SansMono-Bold", "Serif-Bold"]


@lru_cache(maxsize=64)
def font(name: Font, size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return a font in a size."""
    if name == "Pillow":
        return title_overlay.font(size_px)
    return ImageFont.truetype(Path(__file__).parent / f"DejaVu{name}.ttf", size_px)
