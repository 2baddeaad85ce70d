"""Fitting of decoded pictures of any kind into one size and one coding of colours.

Pictures are deinterlaced, turned upright, scaled to square pixels and padded; colours are converted
from the matrix and the range of each picture to those of the output.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TypeVar

import av
from av.filter import Graph

from touchline.video.orientation import is_sideways, orientation_filters

Label = TypeVar("Label")
FORMAT = "yuv420p"  # of the fitted pictures, in limited range
LIMITED_RANGE, _FULL_RANGE = 1, 2  # AVCOL_RANGE_MPEG, AVCOL_RANGE_JPEG
_RGB, BT709, UNSPECIFIED = 0, 1, 2  # AVCOL_SPC_RGB, …
# Without the last three, greys get a tint of up to 4 of 255 where the matrix changes.
_SCALING = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
# Matrices that FFmpeg's `scale` converts to: BT.709, FCC, both of BT.601, SMPTE 240M, BT.2020.
_WRITABLE = {BT709, 4, 5, 6, 7, 9}


def matrix_of(picture: av.VideoFrame) -> int:
    """Return the matrix (AVCOL_SPC_*) in which to write the colours of a picture.

    It is the picture's own; BT.709 for RGB and for a matrix that cannot be written.
    """
    matrix = int(picture.colorspace)
    return matrix if matrix in {*_WRITABLE, UNSPECIFIED} and not _is_rgb(picture) else BT709


def shown_size(picture: av.VideoFrame, aspect: Fraction) -> tuple[int, int]:
    """Return (width, height) of a picture upright, with square pixels; `aspect` is its pixels'."""
    size = max(2, round(picture.width * aspect)), picture.height
    return size[::-1] if is_sideways(orientation_filters(picture)) else size


def _is_rgb(picture: av.VideoFrame) -> bool:
    return picture.format.is_rgb or picture.format.has_palette


def _range_of(picture: av.VideoFrame) -> int:
    if _is_rgb(picture) or picture.format.name.startswith("yuvj"):
        return _FULL_RANGE
    return int(picture.color_range)


class PictureFitter:
    """Fits pictures into `size`, (width, height), with the colour matrix `matrix`."""

    def __init__(self, size: tuple[int, int], matrix: int) -> None:
        self.size, self.matrix = size, matrix
        self._graph: tuple[tuple, Graph] | None = None  # for pictures of one layout
        self._deinterlaces = False
        self._labels: deque = deque()  # of the pictures in the graph

    def fit(
        self, pictures: Iterable[tuple[Label, av.VideoFrame, Fraction]]
    ) -> Iterator[tuple[Label, av.VideoFrame]]:
        """Yield (label, fitted picture) for each (label, picture, aspect of its pixels), in order.

        A label is whatever the caller wants to know of a picture, such as its time.
        """
        for label, picture, aspect in pictures:
            size = shown_size(picture, aspect)
            # Once a picture is interlaced, the filter stays: it leaves progressive pictures alone.
            self._deinterlaces = self._deinterlaces or picture.interlaced_frame
            layout = (
                (picture.width, picture.height, picture.format.name),
                (int(picture.colorspace), _range_of(picture)),
                (orientation_filters(picture), size, self._deinterlaces),
            )
            if self._graph is None or self._graph[0] != layout:  # it may change within a file
                yield from self._flush()
                if self._is_fitted(picture, size):
                    yield label, picture
                    continue
                self._graph = layout, self._build_graph(picture, *size)
            self._labels.append(label)
            self._graph[1].vpush(picture)
            yield from self._pull()
        yield from self._flush()

    def _is_fitted(self, picture: av.VideoFrame, size: tuple[int, int]) -> bool:
        return (
            (picture.format.name, picture.width, picture.height) == (FORMAT, *self.size)
            and size == self.size
            and not (orientation_filters(picture) or self._deinterlaces)
            and picture.colorspace in (self.matrix, UNSPECIFIED)
            and _range_of(picture) != _FULL_RANGE
        )

    def _flush(self) -> Iterator[tuple]:
        if self._graph is not None:
            self._graph[1].vpush(None)
            yield from self._pull()
        self._graph = None
        self._labels.clear()

    def _pull(self) -> Iterator[tuple]:
        """Yield the pictures that the graph has ready: the deinterlacer keeps one back."""
        assert self._graph is not None, "pictures are pulled from a graph"
        while self._labels:
            try:
                picture = self._graph[1].vpull()
            except (av.BlockingIOError, av.EOFError):
                return
            yield self._labels.popleft(), picture

    def _build_graph(self, picture: av.VideoFrame, width: int, height: int) -> Graph:
        scale = min(self.size[0] / width, self.size[1] / height)
        inner = [max(2, round(side * scale) // 2 * 2) for side in (width, height)]
        source_matrix = _RGB if _is_rgb(picture) else int(picture.colorspace)
        colours = f"out_range=tv:out_color_matrix={self.matrix}"
        if source_matrix == UNSPECIFIED:  # it is taken for that of the output
            colours += f":in_color_matrix={self.matrix}"
        base = picture.time_base or Fraction(1, 1000)
        graph = Graph()
        nodes = [
            graph.add(
                "buffer",
                f"video_size={picture.width}x{picture.height}:pix_fmt={picture.format.name}"
                f":time_base={base.numerator}/{base.denominator}"
                f":colorspace={source_matrix}:range={_range_of(picture)}",
            )
        ]
        if self._deinterlaces:
            nodes.append(graph.add("bwdif", "mode=send_frame:deint=interlaced"))
        nodes += [graph.add(name, arguments) for name, arguments in orientation_filters(picture)]
        nodes += [
            graph.add("scale", f"{inner[0]}:{inner[1]}:flags={_SCALING}:{colours}"),
            graph.add("format", FORMAT),
            graph.add("pad", f"{self.size[0]}:{self.size[1]}:(ow-iw)/2:(oh-ih)/2"),
            graph.add("buffersink"),
        ]
        graph.link_nodes(*nodes).configure()
        return graph
