"""Contact sheet: frames of the broadcast around every action of a match, in one picture."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from touchline.core.files import atomic_file
from touchline.demo.broadcast.script import Event, Script
from touchline.demo.drawing.scene import draw
from touchline.demo.drawing.score_bug import clock
from touchline.demo.drawing.stadium import Size
from touchline.reels.title_overlay import font

AROUND_S = (-3.0, -1.0, 0.0, 1.0, 2.5, 5.0)  # a row's frames, seconds from the event
_EXCLUDED_LABELS = ("Ball out of play", "Throw-in")
_CAPTION_PX = 18


def write(path: Path, script: Script, size: Size = (398, 224)) -> None:
    """Write the sheet as a PNG: one row per event, one column per time of `AROUND_S`.

    `size` is the (width, height) of a frame in px.
    """
    shown = [event for event in script.events if event.label not in _EXCLUDED_LABELS]
    rows = [_row(script, event, size) for event in shown]
    with atomic_file(path) as partial:
        Image.fromarray(np.vstack(rows)).save(partial)


def _row(script: Script, event: Event, size: Size) -> np.ndarray:
    """Return a row of captioned frames, uint8 (height, width, 3)."""
    frames = []
    for after_s in AROUND_S:
        time_s = min(max(event.time_s + after_s, 0.0), script.half_s)
        frame = draw(script, event.half, time_s, size)
        frames.append(np.vstack([frame, _caption(event, time_s, size[0])]))
    return np.hstack(frames)


def _caption(event: Event, time_s: float, width: int) -> np.ndarray:
    """Return a strip with the clock, the label and the time from the event."""
    strip = Image.new("RGB", (width, _CAPTION_PX), (16, 16, 20))
    after_s = time_s - event.time_s
    text = f"{clock(event.half, time_s)}  {event.label} ({event.team}) {after_s:+.1f} s"
    at = (4, _CAPTION_PX // 2)
    ImageDraw.Draw(strip).text(at, text, fill=(230, 230, 230), font=font(12), anchor="lm")
    return np.asarray(strip)
