"""Reading of texts in a picture: PP-OCRv6 (small) by RapidOCR, whose networks are in its package.

Nothing is downloaded: the networks are opened as files of the installed package.
"""

import ctypes
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from touchline.core.problems import InputError

_NETWORKS = {"Det": "PP-OCRv6_det_small.onnx", "Rec": "PP-OCRv6_rec_small.onnx"}
_M_MMAP_THRESHOLD, _LARGE_BLOCK = -3, 4 * 2**20  # of glibc's malloc.h; bytes
_HEIGHT = 48  # px, of a line that is recognised
_WIDTH_STEP = 64  # px: the runtime keeps memory for every width that it has seen
_LEAST_RATIO, _MOST_RATIO = 1.4, 30.0  # width by height of a line that is recognised
_LEAST_SIDE = 6  # px, of a line that is recognised


class Line(NamedTuple):
    """A line of text: what it says, the network's confidence, and its place in the picture in px.

    `at` has the horizontal place of the middle of each character, px.
    """

    text: str
    score: float
    x: float
    y: float
    w: float
    h: float
    at: tuple[float, ...]


def _give_memory_back() -> None:
    """Let glibc return the networks' large blocks to the system when they are freed.

    It raises the size of such blocks as it goes, and the memory of whole pictures then stays in
    pieces: up to 650 MB instead of 300.
    """
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL("libc.so.6").mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK)


class TextReader:
    """Finds lines of text in pictures, (H, W, 3) uint8 in the order blue, green, red, and reads them."""

    def __init__(self, threads: int) -> None:
        """Load the networks; raise ModuleNotFoundError where RapidOCR is not installed."""
        import rapidocr

        _give_memory_back()
        folder = Path(rapidocr.__file__).parent / "models"
        settings: dict[str, Any] = {
            "Global.log_level": "error",
            "Global.use_cls": False,
            "Det.limit_type": "max",  # pictures are not enlarged, which would take 25 times as long
            "Det.limit_side_len": 4096,
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
        for part, name in _NETWORKS.items():
            if not (folder / name).is_file():
                raise InputError(
                    f"{folder / name}: this network of RapidOCR is missing. Install the version of "
                    "requirements.lock, which brings it."
                )
            settings[f"{part}.model_path"] = str(folder / name)
        engine = rapidocr.RapidOCR(params=settings)
        self._detector, self._recogniser = engine._load_det_model(), engine._load_rec_model()
        self._characters = self._recogniser.postprocess_op.character

    def find_lines(self, picture: np.ndarray) -> list[tuple[int, int, int, int]]:
        """Return the boxes (x, y, w, h) of lines of text in a picture, px."""
        if min(picture.shape[:2]) < 32:
            height, width = (max(0, 32 - side) for side in picture.shape[:2])
            picture = np.pad(picture, ((0, height), (0, width), (0, 0)), mode="edge")
        corners = self._detector(picture).boxes  # (N, 4, 2)
        if corners is None or not len(corners):
            return []
        first, last = corners.min(axis=1), corners.max(axis=1)
        return [
            (int(x), int(y), int(right - x), int(bottom - y))
            for (x, y), (right, bottom) in zip(first, last, strict=True)
        ]

    def read_line(self, picture: np.ndarray, box: tuple[int, int, int, int]) -> Line:
        """Return what one line of text in a box (x, y, w, h) says; the box is cut to the picture."""
        left, top = max(0, box[0]), max(0, box[1])
        part = picture[top : max(0, box[1] + box[3]), left : max(0, box[0] + box[2])]
        height, width = part.shape[:2]
        if min(height, width) < _LEAST_SIDE:
            return Line("", 0.0, left, top, width, height, ())
        ratio = float(np.clip(width / height, _LEAST_RATIO, _MOST_RATIO))
        padded = np.ceil(ratio * _HEIGHT / _WIDTH_STEP) * _WIDTH_STEP / _HEIGHT
        image = self._recogniser.resize_norm_img(part, padded)[None]  # (1, 3, 48, W)
        odds = self._recogniser.session(image)[0]  # (steps, characters)
        best, step = odds.argmax(axis=1), image.shape[3] / len(odds)
        starts = np.flatnonzero((best != 0) & np.diff(best, prepend=0).astype(bool))
        shown = min(width / height, ratio) * _HEIGHT  # the rest of the image is padding
        characters, at, scores = [], [], []
        for start in starts:
            end = start
            while end + 1 < len(best) and best[end + 1] == best[start]:
                end += 1
            characters.append(self._characters[best[start]])
            at.append(left + ((start + end + 1) / 2 * step) / shown * width)
            scores.append(float(odds[start : end + 1, best[start]].max()))
        keep = [k for k, character in enumerate(characters) if len(character) == 1]
        return Line(
            "".join(characters[k] for k in keep),
            float(np.mean([scores[k] for k in keep])) if keep else 0.0,
            left, top, width, height,
            tuple(float(at[k]) for k in keep),
        )  # fmt: skip
