"""Letters for everything that is written in the picture."""

from functools import lru_cache

from PIL import ImageFont


@lru_cache(maxsize=64)
def font(size_px: int) -> ImageFont.FreeTypeFont:
    """Return Pillow's own font, so that no machine needs one."""
    return ImageFont.load_default(size_px)
