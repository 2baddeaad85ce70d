"""HTML page of a query: a player for the reels and a clickable timeline of each match."""

import argparse
import base64
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import polars as pl
from markupsafe import Markup

from touchline.core import cli, schema
from touchline.core.clock import format_time
from touchline.core.files import inside, read_control_file, write_text
from touchline.data.match_names import AWAY, HOME
from touchline.evaluation.matching import answer_intervals
from touchline.evaluation.thresholds import apply_thresholds, read_thresholds
from touchline.reels.hits import written_score
from touchline.reels.page_timeline import LEAD_S, Rows, make_timeline, source_of
from touchline.report import html
from touchline.report.plot_style import TRUTH, TRUTH_COLOUR, colours

_TEXT, _NUMBER, _OPTIONAL = {"type": "string"}, {"type": "number"}, {"type": ["number", "null"]}
_OPTIONAL_TEXT = {"type": ["string", "null"]}
_TEXTS = {"type": "array", "items": _TEXT}


def _record(**fields: dict) -> dict:
    return {"type": "object", "properties": fields, "required": list(fields)}


_SCORE = {"type": ["array", "null"], "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}
_EVIDENCE = _record(
    score_before=_SCORE,
    score_after=_SCORE,
    side={"enum": [HOME, AWAY, None]},
    source=_TEXT,
)
# What this page reads of reel.json (`highlights.write_reel`).
_REEL = _record(
    title=_TEXT,
    query=_TEXT,
    understood=_TEXT,
    messages=_TEXTS,
    actions=_TEXTS,
    reel=_OPTIONAL_TEXT,
    posters={"type": "object", "additionalProperties": _TEXT},
    halves={
        "type": "object",
        "propertyNames": {"pattern": "^[1-9]$"},
        "additionalProperties": _record(
            video=_OPTIONAL_TEXT,
            duration_s={"type": "number", "exclusiveMinimum": 0},
            start_s=_NUMBER,
        ),
    },
    clips={
        "type": "array",
        "items": _record(
            title=_TEXT,
            half={"type": "integer"},
            start_s=_NUMBER,
            end_s=_NUMBER,
            reel_start_s=_OPTIONAL,
            reel_end_s=_OPTIONAL,
            still=_OPTIONAL_TEXT,
            hits={
                "type": "array",
                "items": _record(
                    clock=_TEXT,
                    confidence=_OPTIONAL,
                    lines=_TEXTS,
                    evidence={"anyOf": [_EVIDENCE, {"type": "null"}]},
                ),
            },
        ),
    },
)


def relative_link(path: Path | str, page: Path) -> str:
    """Return the relative, percent-encoded address of a file from a page."""
    return quote(os.path.relpath(path, page.parent))


def read_answers(
    model: str, match: str, predictions: Path, threshold: float | dict[str, float]
) -> pl.DataFrame:
    """Return the intervals that a model answered for a match and that reach its threshold.

    `predictions` is a path with `{model}` and `{match}`; without such a file the table is empty.
    """
    path = Path(str(predictions).format(model=model, match=match))
    if not path.is_file():
        return pl.DataFrame(schema=schema.ANSWERS).drop("counted")
    table = schema.read(path, schema.PREDICTIONS).with_columns(match=pl.lit(match))
    return counted_answers(answer_intervals(table), threshold)


def counted_answers(intervals: pl.DataFrame, threshold: float | dict[str, float]) -> pl.DataFrame:
    """Return the answered intervals that reach the threshold, as those do that clips are made of.

    An action that has no threshold of its own has 0, so that every answer counts.
    """
    known = threshold if isinstance(threshold, dict) else {}
    default = 0.0 if isinstance(threshold, dict) else threshold
    actions = intervals["action"].unique()
    return apply_thresholds(intervals, {name: known.get(name, default) for name in actions})


def describe_match(folder: Path, page: Path, rows: Rows) -> dict:
    """Return a match's section of the page for the template, from the folder of its reel."""
    record = folder / "reel.json"
    content = read_control_file(record, _REEL, f"Delete {folder} too: the reel is made again.")

    def link_to(name: str | None) -> str:
        return "" if name is None else relative_link(inside(folder, name, record), page)

    posters = {name: link_to(file) for name, file in content["posters"].items()}
    sources = []
    if content["reel"]:
        sources.append({"name": "reel", "label": "Reel", "file": link_to(content["reel"])})
    for number, half in content["halves"].items():
        if half["video"] and Path(half["video"]).is_file():
            file = relative_link(half["video"], page)
            sources.append({"name": f"half{number}", "label": f"Half {number}", "file": file})
    playable = {source["name"] for source in sources}
    return {
        "name": content["title"],
        "query": content["query"],
        "understood": content["understood"],
        "messages": content["messages"],
        "sources": [source | {"poster": posters.get(source["name"], "")} for source in sources],
        "clips": [
            _clip_row(clip, content) | {"still": link_to(clip["still"])}
            for clip in content["clips"]
        ],
        "halves": [
            make_timeline(content, number, rows, f"half{number}" in playable)
            for number in content["halves"]
        ],
        "files": [
            {"name": path.name, "link": relative_link(path, page)}
            for path in sorted(folder.iterdir())
            # Neither Snakemake's time stamp nor the pictures that are shown.
            if not path.name.startswith(".") and path.is_file()
        ],
    }


def _clip_row(clip: dict, content: dict) -> dict:
    """Return a clip's entry in the list of clips for the template."""
    in_reel = source_of(clip, content) == "reel"
    confidences = [
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
        "span": f"{format_time(clip['start_s'])} to {format_time(clip['end_s'])} of the video",
        "confidence": f"confidence {', '.join(confidences)}",
        "evidence": [
            _describe_evidence(hit, len(clip["hits"]) == 1)
            for hit in clip["hits"]
            if hit["evidence"]
        ],
        "lines": list(dict.fromkeys(lines)),
    }


def _describe_evidence(hit: dict, is_alone: bool) -> str:
    """Return what an answer's evidence tells: "Score bug: 0–0 → 1–0, home team".

    It starts with the match clock where the answer is not the clip's only one.
    """
    evidence = hit["evidence"]
    scores = filter(None, (evidence["score_before"], evidence["score_after"]))
    told = [" → ".join(written_score(score, "–") for score in scores)]
    told += [f"{evidence['side']} team"] if evidence["side"] else []
    source = evidence["source"]
    text = f"{source[:1].upper()}{source[1:]}: {', '.join(filter(None, told))}"
    return text if is_alone else f"{hit['clock']} {text}"


def render(content: dict) -> str:
    """Return the page as HTML; its content security policy allows the page's own script alone."""
    script = (html.TEMPLATES / "reel.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    player = {"script": Markup(script), "script_hash": f"sha256-{digest}", "lead_s": f"{LEAD_S:g}"}
    return html.render("reel.html.j2", content | player)


def write_page(page: Path, model: str, matches: Sequence[dict]) -> None:
    """Write the page with the sections of `describe_match`."""
    first = matches[0] if matches else {"query": "no match", "understood": ""}
    content = {"query": first["query"], "understood": first["understood"], "model": model}
    write_text(page, render(content | {"matches": matches}))


def label_rows(path: Path) -> Rows:
    """Return the row of a match's events; none where its labels could not be read."""
    return {} if schema.is_set_aside(path) else {TRUTH: (TRUTH_COLOUR, label_moments(path))}


def label_moments(path: Path) -> pl.DataFrame:
    """Return the events of a match as a row of a timeline (see `Rows`)."""
    note = pl.when(pl.col("team").is_null()).then(pl.lit("")).otherwise(", " + pl.col("team"))
    table = schema.read(path, schema.LABELS)
    return table.select("half", "action", "time_s", note.alias("note"))


def answer_moments(intervals: pl.DataFrame) -> pl.DataFrame:
    """Return answered intervals as a row of a timeline (see `Rows`)."""
    middle = (pl.col("start_s") + pl.col("end_s")) / 2
    note = pl.format(", confidence {}", pl.col("confidence").round(2)).fill_null("")
    return intervals.select("half", "action", middle.alias("time_s"), note.alias("note"))


def main(argv: list[str]) -> None:
    """Write the page of a query."""
    parser = argparse.ArgumentParser(prog="touchline reel_page", description=__doc__)
    parser.add_argument("--name", required=True, help="the query's name, that of its folder")
    parser.add_argument("--matches", nargs="*", default=[])
    parser.add_argument(
        "--unlabelled", nargs="*", default=[], help="matches that have no labels to show"
    )
    parser.add_argument("--model", required=True, help="the model of the reels")
    parser.add_argument(
        "--models", nargs="*", default=[], help="models with a row on the timelines"
    )
    parser.add_argument(
        "--baselines", nargs="*", default=[], help="those that are constant baselines"
    )
    parser.add_argument(
        "--thresholds", type=cli.json_object({"anyOf": [{"type": "number"}, {"const": "tuned"}]}), default={}, metavar="JSON",
        help='{model: a number, or "tuned"}',
    )  # fmt: skip
    parser.add_argument("--results", type=Path, default=Path("results"), help="(%(default)s)")
    parser.add_argument("--out", type=Path, required=True, metavar="HTML")
    args = parser.parse_args(argv)
    results, colour_of = args.results, colours(args.models, args.baselines)
    thresholds = {
        model: read_thresholds(results / f"scores/{model}.thresholds.csv")
        if threshold == "tuned"
        else threshold
        for model, threshold in args.thresholds.items()
        if threshold != "tuned" or (results / f"scores/{model}.thresholds.csv").is_file()
    }
    matches = []
    for match in args.matches:
        # Without labels there is no row: an empty one says that nothing happened.
        is_labelled = match not in args.unlabelled
        rows = label_rows(results / f"labels/{match}.parquet") if is_labelled else {}
        for model in args.models:
            predictions = results / "predictions/{model}/{match}.parquet"
            intervals = read_answers(model, match, predictions, thresholds.get(model, 0.0))
            rows[model] = (colour_of[model], answer_moments(intervals))
        folder = results / f"highlights/{args.name}/reels/{match}"
        matches.append(describe_match(folder, args.out, rows))
    write_page(args.out, args.model, matches)
