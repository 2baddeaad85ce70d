"""The page of a query: its reels to play, and a timeline of each match to click."""

import argparse
import base64
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import polars as pl
from markupsafe import Markup

from touchline.core import clock, schema
from touchline.core.actions import action_name
from touchline.core.files import write_text
from touchline.evaluation.matching import answer_intervals
from touchline.evaluation.thresholds import apply_thresholds, read_thresholds
from touchline.report import html
from touchline.report.plot_style import TRUTH, TRUTH_COLOUR, colours

# A mark is played from so long before its moment.
LEAD_S = 3.0


def link(path: Path | str, page: Path) -> str:
    """Return the address of a file from a page: relative, and quoted whatever its name is."""
    return quote(os.path.relpath(path, page.parent))


def answered(
    model: str, match: str, predictions: Path, threshold: float | dict[str, float]
) -> pl.DataFrame:
    """Return the answers of a model that reach its threshold; empty where there are none."""
    path = Path(str(predictions).format(model=model, match=match))
    if not path.is_file():
        return pl.DataFrame(schema=schema.ANSWERS).drop("counted")
    table = schema.read(path, schema.PREDICTIONS).with_columns(match=pl.lit(match))
    said = answer_intervals(table)
    chosen = threshold
    if not isinstance(threshold, dict):
        chosen = dict.fromkeys(said["action"].unique(), threshold)
    return apply_thresholds(said, chosen)


def mark(
    half: int, time_s: float, length_s: float, text: str, source: str, begins_s: float
) -> dict:
    """Return a mark on a timeline; the half begins at `begins_s` of its video."""
    shown = clock.show(time_s, "match", half, 0.0)
    return {
        "time_s": f"{max(0.0, begins_s + time_s - LEAD_S):.3f}",
        "left": f"{100 * time_s / length_s:.3f}",
        "width": None,
        "title": f"{text} {shown}",
        "source": source,
    }


def timeline(
    content: dict, number: str, rows: dict[str, tuple[str, pl.DataFrame]], page_has: bool
) -> dict:
    """Return a half's timeline: the reel's clips, then rows of (colour, half, action, time_s, note)."""
    half, length_s = int(number), content["halves"][number]["duration_s"]
    begins_s = content["halves"][number]["start_s"]
    source = f"half{number}" if page_has else ""
    reel = [
        {
            "time_s": f"{clip['reel_start_s'] if source_of(clip, content) == 'reel' else clip['start_s']:.3f}",
            "left": f"{100 * (clip['start_s'] - begins_s) / length_s:.3f}",
            "width": f"{100 * (clip['end_s'] - clip['start_s']) / length_s:.3f}",
            "title": clip["title"],
            "source": source_of(clip, content),
        }
        for clip in content["clips"]
        if clip["half"] == half
    ]
    shown = [{"name": "reel", "colour": "", "marks": reel}]
    for row, (colour, table) in rows.items():
        own = table.filter(pl.col("half") == half, pl.col("action").is_in(content["actions"]))
        marks = [
            mark(
                half,
                one["time_s"],
                length_s,
                f"{action_name(one['action'])}{one['note']}",
                source,
                begins_s,
            )
            for one in own.sort("time_s").iter_rows(named=True)
        ]
        shown.append({"name": row, "colour": colour, "marks": marks})
    ends = (clock.show(time_s, "match", half, 0.0) for time_s in (0.0, length_s))
    first, last = ends
    return {
        "number": half, "duration_s": length_s, "begins_s": begins_s, "source": source, "rows": shown,
        "first": first, "last": last,
    }  # fmt: skip


def source_of(clip: dict, content: dict) -> str:
    """Return where a clip is played: in the reel, in nothing where it was not cut."""
    return "reel" if content["reel"] and clip["reel_start_s"] is not None else ""


def describe(folder: Path, page: Path, rows: dict[str, tuple[str, pl.DataFrame]]) -> dict:
    """Return what the page shows of a match, from the folder of its reel."""
    content = json.loads((folder / "reel.json").read_text(encoding="utf-8"))
    sources = []
    if content["reel"]:
        file = link(folder / content["reel"], page)
        sources.append({"name": "reel", "label": "Reel", "file": file})
    for number, half in content["halves"].items():
        if half["video"] and Path(half["video"]).is_file():
            file = link(half["video"], page)
            sources.append({"name": f"half{number}", "label": f"Half {number}", "file": file})
    filmed = {source["name"] for source in sources}
    return {
        "name": content["match"],
        "query": content["query"],
        "understood": content["understood"],
        "messages": content["messages"],
        "sources": sources,
        "clips": [_clip(clip, content) for clip in content["clips"]],
        "halves": [
            timeline(content, number, rows, f"half{number}" in filmed)
            for number in content["halves"]
        ],
        "files": [
            {"name": path.name, "link": link(path, page)}
            for path in sorted(folder.iterdir())
            if not path.name.startswith(".")  # Snakemake's time stamp
        ],
    }


def _clip(clip: dict, content: dict) -> dict:
    in_reel = source_of(clip, content) == "reel"
    sure = [
        "none given" if hit["confidence"] is None else f"{hit['confidence']:.2f}"
        for hit in clip["hits"]
    ]
    lines = [line for hit in clip["hits"] for line in hit["lines"]]
    return {
        "title": clip["title"],
        "half": clip["half"],
        "source": source_of(clip, content),
        "time_s": f"{clip['reel_start_s']:.3f}" if in_reel else "",
        "end_s": f"{clip['reel_end_s']:.3f}" if in_reel else "",
        "start_s": f"{clip['start_s']:.3f}",
        "span": f"{clip['start_timecode']} to {clip['end_timecode']}",
        "confidence": f"confidence {', '.join(sure)}",
        "lines": list(dict.fromkeys(lines)),
    }


def render(content: dict) -> str:
    """Return the page. Every text from outside is escaped; nothing but the page's own script runs."""
    script = (html.TEMPLATES / "reel.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    own = {"script": Markup(script), "script_hash": f"sha256-{digest}", "lead_s": f"{LEAD_S:g}"}
    return html.render("reel.html.j2", content | own)


def write(page: Path, model: str, matches: Sequence[dict]) -> None:
    """Write the page of what `describe` said about each match."""
    first = matches[0] if matches else {"query": "no match", "understood": ""}
    content = {"query": first["query"], "understood": first["understood"], "model": model}
    write_text(page, render(content | {"matches": matches}))


def of_labels(path: Path) -> pl.DataFrame:
    """Return the events of a match as a row of a timeline."""
    note = pl.when(pl.col("team").is_null()).then(pl.lit("")).otherwise(", " + pl.col("team"))
    table = schema.read(path, schema.LABELS)
    return table.select("half", "action", "time_s", note.alias("note"))


def of_answers(said: pl.DataFrame) -> pl.DataFrame:
    """Return answers as a row of a timeline."""
    middle = (pl.col("start_s") + pl.col("end_s")) / 2
    note = pl.format(", confidence {}", pl.col("confidence").round(2)).fill_null("")
    return said.select("half", "action", middle.alias("time_s"), note.alias("note"))


def main(argv: list[str]) -> None:
    """Write the page of a query."""
    parser = argparse.ArgumentParser(prog="touchline reel_page", description=__doc__)
    parser.add_argument("--name", required=True, help="of the query, which names its folder")
    parser.add_argument("--matches", nargs="*", default=[])
    parser.add_argument("--model", required=True, help="whose answers the reels are made of")
    parser.add_argument("--models", nargs="*", default=[], help="a row of each")
    parser.add_argument("--baselines", nargs="*", default=[], help="the constant ones of them")
    parser.add_argument(
        "--thresholds", type=json.loads, default={}, metavar="JSON",
        help='of each model: a number, or "tuned"',
    )  # fmt: skip
    parser.add_argument("--results", type=Path, default=Path("results"), help="(%(default)s)")
    parser.add_argument("--out", type=Path, required=True, metavar="HTML")
    args = parser.parse_args(argv)
    results, colour = args.results, colours(args.models, args.baselines)
    thresholds = {
        model: read_thresholds(results / f"scores/{model}.thresholds.csv")
        if own == "tuned"
        else own
        for model, own in args.thresholds.items()
        if own != "tuned" or (results / f"scores/{model}.thresholds.csv").is_file()
    }
    matches = []
    for match in args.matches:
        rows = {TRUTH: (TRUTH_COLOUR, of_labels(results / f"labels/{match}.parquet"))}
        for model in args.models:
            predictions = results / "predictions/{model}/{match}.parquet"
            said = answered(model, match, predictions, thresholds.get(model, 0.0))
            rows[model] = (colour[model], of_answers(said))
        folder = results / f"highlights/{args.name}/reels/{match}"
        matches.append(describe(folder, args.out, rows))
    write(args.out, args.model, matches)
