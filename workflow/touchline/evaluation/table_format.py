"""Tables for people: titles, notes, headers and rounded cells, made from the CSV files of a run.

tables.md, for a paper, and the report show the same tables.
"""

from pathlib import Path
from typing import NamedTuple

import polars as pl
from tabulate import tabulate

from touchline.core import actions, schema
from touchline.core.schema import ALL

PROTOCOLS = {"full": "every chunk", "positives": "with action"}
# The reference paper's protocol and matching: those of every table that does not name others.
RULE = ["full", "many"]


class Table(NamedTuple):
    """A table of text; the first `text_columns` of its columns are not numbers."""

    name: str
    title: str
    note: str
    headers: list[str]
    rows: list[list[str]]
    text_columns: int = 1


def format_number(value: float | None, digits: int = 4) -> str:
    """Return a ratio or time as text; an undefined one is a dash."""
    return "–" if value is None else f"{value:.{digits}f}"


def format_interval(low: float | None, high: float | None, digits: int = 4) -> str:
    """Return an interval as text, or a dash where there is none."""
    return "–" if low is None else f"{format_number(low, digits)}–{format_number(high, digits)}"


def format_difference(value: float | None, digits: int = 4) -> str:
    """Return a difference as text with its sign; an undefined one is a dash."""
    return "–" if value is None else f"{value:+.{digits}f}".replace("-", "−")


def read_tables(results: Path) -> list[Table]:
    """Return every table of a run from its CSV files in the folder `results`."""

    def read(name: str) -> pl.DataFrame:
        return schema.read_csv(results / f"{name}.csv")

    metrics = read("metrics")
    return [
        overall(metrics),
        per_action(metrics),
        top_three(metrics),
        differences(read("differences")),
        *what_parents_add(read("fused")),
        average_map(read("average_map")),
        errors(read("errors")),
        parts(read("parts")),
        cost(read("cost")),
    ]


def overall(metrics: pl.DataFrame) -> Table:
    """Return precision, recall and F1 of each model, actions pooled (reference paper, table II)."""
    rows = [
        [
            row["model"],
            PROTOCOLS[row["protocol"]],
            row["matching"],
            format_number(row["f1"]),
            format_interval(row["f1_low"], row["f1_high"]),
            *(format_number(row[name]) for name in ("precision", "recall")),
        ]
        for row in metrics.filter(action=ALL).iter_rows(named=True)
    ]
    headers = ["model", "scored on", "matching", "F1", "interval", "precision", "recall"]
    note = (
        "All actions pooled, on every chunk and on those with the action alone. The interval of F1 "
        "is a bootstrap over matches. Matching many (many-to-many) is the reference paper's rule "
        "and counts a repeated answer again; one (one-to-one) uses every answer and every event at "
        "most once."
    )
    return Table("overall", "Precision, recall and F1", note, headers, rows, 3)


def per_action(metrics: pl.DataFrame) -> Table:
    """Return F1 of each action and model."""
    rows_of_actions = metrics.filter(pl.col("action") != ALL, protocol=RULE[0], matching=RULE[1])
    models = rows_of_actions["model"].unique(maintain_order=True).to_list()
    rows = []
    for (action,), group in rows_of_actions.group_by("action", maintain_order=True):
        by_model = {row["model"]: row for row in group.iter_rows(named=True)}
        rows.append([actions.action_name(action), str(group["events"][0])])
        for model in models:
            row = by_model[model]
            ends = f" ({format_interval(row['f1_low'], row['f1_high'], 3)})" * (
                row["f1_low"] is not None
            )
            rows[-1].append(format_number(row["f1"], 3) + ends)
    note = "F1 with its interval, on every chunk, many-to-many."
    return Table("per_action", "F1 per action", note, ["action", "events", *models], rows)


def top_three(metrics: pl.DataFrame) -> Table:
    """Return the three best actions of each model (the reference paper's table III)."""
    rows_of_actions = metrics.filter(pl.col("action") != ALL, protocol=RULE[0], matching=RULE[1])
    rows = []
    for (model,), group in rows_of_actions.group_by("model", maintain_order=True):
        best = group.filter(pl.col("f1") > 0).sort("f1", descending=True, maintain_order=True)
        cells = [
            f"{actions.action_name(row['action'])} {format_number(row['f1'])}"
            for row in best.head(3).iter_rows(named=True)
        ]
        rows.append([model, *cells, *["–"] * (3 - len(cells))])
    note = "The actions with the highest F1 above 0, on every chunk, many-to-many."
    headers = ["model", "first", "second", "third"]
    return Table("top_three", "The best actions of each model", note, headers, rows, 4)


def differences(table: pl.DataFrame) -> Table:
    """Return the difference in F1 between every two models."""
    rows = [
        [
            f"{row['model']} − {row['other']}",
            row["matching"],
            format_difference(row["difference"]),
            "–"
            if row["low"] is None
            else f"{format_difference(row['low'])} to {format_difference(row['high'])}",
            "–" if row["share_above"] is None else f"{100 * row['share_above']:.1f} %",
        ]
        for row in table.filter(protocol=RULE[0], action=ALL).iter_rows(named=True)
    ]
    note = (
        "On every chunk, all actions pooled. Both models are scored on the same draws of the "
        "matches (paired bootstrap); the last column is the share of the draws in which the first "
        "model has the higher F1."
    )
    headers = ["models", "matching", "difference in F1", "interval", "first above"]
    return Table("differences", "Differences between models", note, headers, rows, 2)


def what_parents_add(table: pl.DataFrame) -> list[Table]:
    """Return the difference between a model that joins others and each of them, by action.

    Without such a model there is no table.
    """
    rule = table.filter(protocol=RULE[0], matching=RULE[1])
    if rule.is_empty():
        return []
    rows = [
        [
            f"{row['model']} − {row['other']}",
            row["action"] if row["action"] == ALL else actions.action_name(row["action"]),
            format_number(row["f1"]),
            format_number(row["f1_other"]),
            format_difference(row["difference"]),
            "–"
            if row["low"] is None
            else f"{format_difference(row['low'])} to {format_difference(row['high'])}",
        ]
        for row in rule.sort(
            "model", "other", pl.col("action") != ALL, "action", maintain_order=True
        ).iter_rows(named=True)
    ]
    fitted = rule.select("model", "fitted_on").unique(maintain_order=True).iter_rows()
    note = (
        "F1 of a model that joins the answers of others, and of each of them: the difference is what "
        "the others add to it. On every chunk, many-to-many; paired bootstrap intervals. "
        + " ".join(f"{model} was fitted on {fitted_on}." for model, fitted_on in fitted)
    )
    headers = ["models", "action", "F1", "F1 of the second", "difference", "interval"]
    return [Table("fused", "What each parent adds", note, headers, rows, 2)]


def average_map(table: pl.DataFrame) -> Table:
    """Return Average-mAP by SoccerNet's evaluator."""
    rows = [
        [
            row["model"],
            row["metric"],
            row["subset"],
            format_number(row["average_map"]),
            format_number(row["over_present"]),
            f"{row['classes_present']} of {row['classes']}",
        ]
        for row in table.filter(action=ALL).iter_rows(named=True)
    ]
    note = (
        "From the SoccerNet package's own evaluator, at all confidences: tight means ±0.5 to "
        "±2.5 s, loose ±2.5 to ±30 s. It counts an action without events in a subset as 0 and "
        "multiplies the mean over unshown events by 17/13; the mean over the actions that have "
        "events does neither. Not comparable with published values over SoccerNet's 17 classes "
        "unless all 17 are asked for."
    )
    if not rows:
        note = "SoccerNet's evaluator, an extra of Touchline's installation, was not installed."
    headers = ["model", "metric", "events", "Average-mAP", "over actions with events", "actions"]
    return Table("average_map", "Average-mAP", note, headers, rows, 3)


def errors(table: pl.DataFrame) -> Table:
    """Return the hallucination rate and the timing error of hits."""
    rows = [
        [
            row["model"],
            f"{row['hallucinations']} in {row['empty_minutes']:.0f}",
            format_number(row["per_empty_minute"], 3),
            str(row["hits"]),
            format_number(row["median_s"], 1),
            format_number(row["p90_s"], 1),
        ]
        for row in table.filter(action=ALL).iter_rows(named=True)
    ]
    note = (
        "An empty minute is a minute of a chunk without the action that is asked for; every answer "
        "there is a hallucination. The timing error of an event that was found is its distance "
        "from the middle of the nearest answer that matches it."
    )
    headers = ["model", "answers in empty minutes", "per empty minute", "events found",
               "median error, s", "90th percentile, s"]  # fmt: skip
    return Table("errors", "Hallucinations and timing errors", note, headers, rows)


def parts(table: pl.DataFrame) -> Table:
    """Return the ratios by half, by visibility, and with and without commentary."""
    rows = [
        [
            row["model"],
            row["part"],
            row["value"],
            str(row["events"]),
            *(format_number(row[name]) for name in ("precision", "recall", "f1")),
        ]
        for row in table.filter(matching=RULE[1]).iter_rows(named=True)
    ]
    note = (
        "On every chunk, many-to-many. Commentary: whether the chunk has any line of it. "
        "Visibility is a property of events and not of answers, so by visibility there is only a "
        "recall."
    )
    headers = ["model", "by", "part", "events", "precision", "recall", "F1"]
    return Table("parts", "Parts of the matches", note, headers, rows, 3)


def cost(table: pl.DataFrame) -> Table:
    """Return seconds and US dollars per match."""
    rows = [
        [
            row["model"],
            format_number(row["seconds_per_match"], 1),
            row["seconds_of"] or "–",
            format_number(row["cost_usd_per_match"]),
        ]
        for row in table.iter_rows(named=True)
    ]
    note = (
        "Inference alone, on the machine that ran it. Seconds of jobs include starting Python and "
        "loading the model; a dash under USD means that answers are not paid for."
    )
    headers = ["model", "seconds per match", "seconds of", "USD per match"]
    return Table("cost", "Time and cost", note, headers, rows)


def to_markdown(tables: list[Table]) -> str:
    """Return the tables as a Markdown document."""
    sections = []
    for table in tables:
        numbers = len(table.headers) - table.text_columns
        align = ["left"] * table.text_columns + ["right"] * numbers
        body = tabulate(
            table.rows, table.headers, "github", disable_numparse=True, colalign=align
        ) if table.rows else "Nothing to compare."  # fmt: skip
        sections.append(f"## {table.title}\n\n{table.note}\n\n{body}\n")
    return "\n".join(sections)
