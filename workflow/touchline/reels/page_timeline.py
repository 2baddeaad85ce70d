"""Timelines on the page of a query: the clips of the reel, events and answers, as marks to click."""

import polars as pl

from touchline.core import clock
from touchline.core.actions import action_name

# Rows of a timeline: name → (colour, moments); moments have half, action, time_s and note, a text.
Rows = dict[str, tuple[str, pl.DataFrame]]
# A mark on a timeline is played from this much before its moment.
LEAD_S = 3.0


def make_timeline(content: dict, number: str, rows: Rows, has_video: bool) -> dict:
    """Return a half's timeline for the template: a row with the reel's clips, then `rows`.

    `content` is that of reel.json, `number` the half; its marks are played where it has a video.
    """
    half, duration_s = int(number), content["halves"][number]["duration_s"]
    start_s = content["halves"][number]["start_s"]
    source = f"half{number}" if has_video else ""
    clips = [
        {
            "time_s": f"{clip['reel_start_s' if source_of(clip, content) else 'start_s']:.3f}",
            "left": f"{100 * (clip['start_s'] - start_s) / duration_s:.3f}",
            "width": f"{100 * (clip['end_s'] - clip['start_s']) / duration_s:.3f}",
            "title": clip["title"],
            "source": source_of(clip, content),
        }
        for clip in content["clips"]
        if clip["half"] == half
    ]
    template_rows = [{"name": "reel", "colour": "", "marks": clips}]
    for name, (colour, table) in rows.items():
        moments = table.filter(pl.col("half") == half, pl.col("action").is_in(content["actions"]))
        marks = [
            {
                "time_s": f"{max(0.0, start_s + time_s - LEAD_S):.3f}",
                "left": f"{100 * time_s / duration_s:.3f}",
                "width": None,
                "title": f"{action_name(action)}{note} {clock.show(time_s, 'match', half, 0.0)}",
                "source": source,
            }
            for action, time_s, note in moments.sort("time_s")
            .select("action", "time_s", "note")
            .iter_rows()
        ]
        template_rows.append({"name": name, "colour": colour, "marks": marks})
    return {
        "number": half,
        "duration_s": duration_s,
        "begins_s": start_s,
        "source": source,
        "rows": template_rows,
        "first": clock.show(0.0, "match", half, 0.0),
        "last": clock.show(duration_s, "match", half, 0.0),
    }


def source_of(clip: dict, content: dict) -> str:
    """Return what a clip is played from: "reel", or nothing where it is not in the reel."""
    return "reel" if content["reel"] and clip["reel_start_s"] is not None else ""
