"""Picture of what was found: sample frames with the box of the score bug, the clock and the score."""

from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image, ImageDraw, ImageFont

from touchline.core.clock import format_time
from touchline.core.files import atomic_file
from touchline.core.problems import printable
from touchline.scoreboard.frames import Frames
from touchline.scoreboard.result import Scoreboard

_COLUMNS, _FRAMES = 2, 8
_WIDTH, _CAPTION = 480, 40  # px, of a frame and of the lines below it
_BUG, _CLOCK = (255, 220, 0), (0, 200, 255)


def write_preview(
    video: Path, out: Path, readings: pl.DataFrame, board: Scoreboard, threads: int = 1
) -> None:
    """Write a picture of frames of a video with what was read in them.

    `readings` (columns `schema.READINGS`) and `board` are what `read_video` returned (see `choose_frames`).
    """
    rows = choose_frames(readings, board)
    tiles = []
    with Frames(video, threads) as frames:
        for row in rows:
            picture = next(frames.stretch(row["time_s"], row["time_s"] + 1, 1.0), None)
            if picture is not None:
                tiles.append(_draw(picture[1], frames.source_size, row, board))
    if not tiles:
        tiles = [Image.new("RGB", (_WIDTH, _CAPTION))]
    width, height = tiles[0].size
    sheet = Image.new("RGB", (_COLUMNS * width, -(-len(tiles) // _COLUMNS) * height), "white")
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number % _COLUMNS * width, number // _COLUMNS * height))
    with atomic_file(out) as partial:
        sheet.save(partial, "PNG")


def choose_frames(readings: pl.DataFrame, board: Scoreboard) -> list[dict]:
    """Return the rows of the frames that are shown, in the order of their times.

    Half of them are after goals, if there are as many; the others are spread over the halves, or, where
    there are none, over the video.
    """
    goals_s = _spread([goal.time_s for goal in board.goals], _FRAMES // 2)
    used = readings.filter(pl.col("half").is_not_null())
    others_s = (used if len(used) else readings)["time_s"].to_list()
    wanted_s = [*goals_s, *_spread(others_s, _FRAMES - len(goals_s))]
    return readings.filter(pl.col("time_s").is_in(wanted_s)).sort("time_s").to_dicts()


def _spread(times_s: list[float], count: int) -> list[float]:
    """Return at most `count` of the times, from the first to the last one."""
    if len(times_s) <= count:
        return times_s
    return [times_s[int(k)] for k in np.linspace(0, len(times_s) - 1, count)]


def _draw(
    picture: np.ndarray, source_size: tuple[int, int], row: dict, board: Scoreboard
) -> Image.Image:
    height = round(_WIDTH * picture.shape[0] / picture.shape[1])
    tile = Image.new("RGB", (_WIDTH, height + _CAPTION), "white")
    tile.paste(Image.fromarray(picture[..., ::-1]).resize((_WIDTH, height)), (0, 0))
    canvas, letters = ImageDraw.Draw(tile), ImageFont.load_default(13)
    across, down = _WIDTH / source_size[0], height / source_size[1]

    def outline(x: float, y: float, w: float, h: float, colour: tuple[int, int, int]) -> None:
        corners = (x * across - 2, y * down - 2, (x + w) * across + 1, (y + h) * down + 1)
        canvas.rectangle(corners, outline=colour, width=2)

    if board.box is not None:
        outline(*board.box, _BUG)
    if row["x"] is not None:
        outline(row["x"], row["y"], row["w"], row["h"], _CLOCK)
    if row["half"] is None:
        said = row["decision"]
    else:
        left, right = ("?" if number is None else number for number in (row["left"], row["right"]))
        said = f"clock {format_time(row['clock_s'])}, half {row['half']}, score {left}-{right}"
    canvas.text(
        (4, height + 3), f"{format_time(row['time_s'])} of the video: {said}", "black", letters
    )
    text = printable(row["text"]).replace("\n", " ")[:70]
    canvas.text((4, height + 20), f"read: {text}", (90, 90, 90), letters)
    return tile
