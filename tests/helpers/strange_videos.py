"""Videos of unusual kinds for tests of reels, made by ffmpeg."""

from itertools import islice
from pathlib import Path

import av
import numpy as np

import timecode
from chunk_cutting import ffmpeg

# Three grey bars, and a red square at the lower right.
GREYS, RED = (64, 128, 192), (200, 20, 20)
_PICTURE = (
    "color=black:s=320x180:r=25:d=4,format=rgb24,geq="
    "r='if(lt(X,107),64,if(lt(X,214),128,if(lt(Y,90),192,200)))'"
    ":g='if(lt(X,107),64,if(lt(X,214),128,if(lt(Y,90),192,20)))'"
    ":b='if(lt(X,107),64,if(lt(X,214),128,if(lt(Y,90),192,20)))'"
)


def make_colours(path: Path, *options: str) -> Path:
    """Write the picture of known colours for 4 s, with ffmpeg's options for the encoder."""
    ffmpeg("-f", "lavfi", "-i", _PICTURE, *options, path)
    return path


def bt709(pixels: str, level: str = "tv", more: str = "") -> tuple[str, ...]:
    """Return ffmpeg's options for colours in BT.709, in a pixel format and range, as H.264."""
    scale = f"scale=out_range={level}:out_color_matrix=bt709,format={pixels}{more}"
    tags = [f"-color{tag}" for tag in ("space", "_primaries", "_trc")]
    return (
        *("-vf", scale, "-c:v", "libx264", "-preset", "ultrafast", "-color_range"),
        *("pc" if level == "pc" else "tv", *(word for tag in tags for word in (tag, "bt709"))),
    )


def read_colours(path: Path, number: int = 0) -> list[tuple[int, ...]]:
    """Return the colours, as a player shows them, of the three bars and the square.

    `number` is that of the picture.
    """
    with av.open(str(path)) as file:
        picture = next(islice(file.decode(video=0), number, None))
        shown = picture.reformat(format="rgb24", dst_colorspace="ITU709", dst_color_range="JPEG")
    array = shown.to_ndarray().astype(int)
    height, width = array.shape[:2]
    places = ((0.4, 0.17), (0.4, 0.5), (0.25, 0.85), (0.75, 0.85))
    return [
        tuple(
            array[
                int(height * y) - 3 : int(height * y) + 3, int(width * x) - 3 : int(width * x) + 3
            ]
            .mean((0, 1))
            .round()
            .astype(int)
            .tolist()
        )
        for y, x in places
    ]


def rewrite_times(path: Path, out: Path, expression: str) -> Path:
    """Copy a video with time stamps in ms that are an expression of N, the picture's number."""
    stamps = f"setts=pts='{expression}':dts='{expression}':time_base=1/1000"
    ffmpeg("-i", path, "-c", "copy", "-bsf:v", stamps, out)
    return out


def add_tones(path: Path, out: Path, hertz: list[int], seconds: float, *options: str) -> Path:
    """Copy a video with a sound track for each pitch, and ffmpeg's options for the tracks."""
    inputs = [
        word for h in hertz for word in ("-f", "lavfi", "-i", f"sine={h}:d={seconds}:r=48000")
    ]
    maps = [word for number in range(len(hertz) + 1) for word in ("-map", number)]
    ffmpeg("-i", path, *inputs, *maps, "-c:v", "copy", *options, out)
    return out


def empty_the_stream(path: Path, out: Path, pid: int) -> Path:
    """Copy a transport stream with the packets of a stream replaced by stuffing."""
    content = bytearray(path.read_bytes())
    for start in range(0, len(content), 188):
        if ((content[start + 1] & 31) << 8) | content[start + 2] == pid:
            content[start : start + 188] = b"\x47\x1f\xff\x10" + b"\xff" * 184
    out.write_bytes(content)
    return out


def read_greys(path: Path) -> np.ndarray:
    """Return the pictures of a video, (T, height, width), as players show them but for rotation."""
    with av.open(str(path)) as file:
        return np.stack([frame.to_ndarray(format="gray") for frame in file.decode(video=0)])


def make_indexed(path: Path, seconds: float, **how) -> Path:
    """Write a video of 25 pictures a second that show their index (`timecode.make`)."""
    return timecode.make(path, timecode.steady(25, seconds), **how)


def make_interlaced(path: Path) -> Path:
    """Write a white bar that moves quickly, 25 pictures of two fields a second, for 4 s."""
    bar = "color=black:s=320x180:r=50:d=4,geq=lum='if(between(X,mod(N*6,300),mod(N*6,300)+20),235,16)':cb=128:cr=128"
    coding = ("-flags", "+ildct+ilme", "-x264-params", "tff=1")
    ffmpeg(
        "-f",
        "lavfi",
        "-i",
        bar,
        "-vf",
        "interlace=lowpass=0",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-pix_fmt",
        "yuv420p",
        *coding,
        path,
    )
    return path


def combing(path: Path) -> float:
    """Return how much neighbouring lines differ in pictures whose lines should be equal."""
    pictures = read_greys(path).astype(int)
    return np.abs(np.diff(pictures[:, 20:-20], axis=1)).mean()
