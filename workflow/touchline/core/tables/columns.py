"""The columns of every table that is written as a Parquet file: type, description and unit.

This is the one definition of them: `core/schema.py` writes it into every file, so that a file
explains itself to pyarrow, polars, DuckDB and pandas (`touchline describe FILE`).
Times are float seconds from the start of the half's video (`_s`).
"""

from typing import Any

import polars as pl

from touchline.core.problems import MATCH_SET_ASIDE


class Table(pl.Schema):
    """The schema of a table, with what it is (`title`) and what its columns are (`about`).

    `about` maps the path of a column, or of a field of a nested one (`lines.text`), to its
    description and unit; the unit of what is counted or text is "".
    """

    def __init__(self, title: str, columns: dict[str, tuple]) -> None:
        super().__init__({name: column[0] for name, column in columns.items()})
        self.title = title
        self.about: dict[str, tuple[str, str]] = {}
        for name, (_, description, *unit) in columns.items():
            self.about[name] = (description, unit[0] if unit else "")
        for name, fields in _NESTED.items():
            if name in columns:
                self.about |= {f"{name}.{field}": about for field, about in fields.items()}

    def __or__(self, other: Any) -> Any:
        """Return a plain schema, without `about`."""
        return pl.Schema(self) | other

    def __ror__(self, other: Any) -> Any:
        """Return a plain schema, without `about`."""
        return other | pl.Schema(self)


LINE = pl.Struct({"start_s": pl.Float64, "end_s": pl.Float64, "text": pl.String})
INTERVAL = pl.Struct({"start_s": pl.Float64, "end_s": pl.Float64, "confidence": pl.Float64})
_NESTED = {
    "lines": {
        "start_s": ("start of the line", "s"),
        "end_s": ("end of the line", "s"),
        "text": ("what was said", ""),
    },
    "intervals": {
        "start_s": ("start of the interval", "s"),
        "end_s": ("end of the interval", "s"),
        "confidence": ("confidence of the model; null for a model that gives none", "1"),
    },
}

_HALF = (pl.Int64, "half of the match: 1 or 2, and 3 or 4 for the periods of extra time")
_CHUNK = (pl.Int64, "number of the chunk within the half, from 0")
_CHUNK_START = (pl.Float64, "start of the chunk, from the start of the half's video", "s")
_CHUNK_END = (pl.Float64, "end of the chunk, from the start of the half's video", "s")
_MATCH = (pl.String, "name of the match, as in the sheet")
_ACTION = (pl.String, "action, by its name in the study")
_SAMPLES = (pl.Int64, "number of samples (a chunk and an action)")

LABELS = Table(
    "Events: the labelled moments of a match",
    {
        "half": _HALF,
        "time_s": (pl.Float64, "moment of the event, from the start of the half's video", "s"),
        "action": _ACTION,
        "label": (pl.String, "label in the source, such as SoccerNet's"),
        "team": (pl.String, "team in the source: home, away or not applicable"),
        "visibility": (pl.String, "whether the source says that the event can be seen"),
    },
)
_LINES = {
    "half": _HALF,
    "start_s": (pl.Float64, "start of the line, from the start of the half's video", "s"),
    "end_s": (pl.Float64, "end of the line, from the start of the half's video", "s"),
    "text": (pl.String, "what was said"),
}
COMMENTARY = Table("Segments: the lines of the commentary of a half", _LINES)
FURTHER = Table(
    "The lines of the further transcripts of a match",
    {"transcript": (pl.Int64, "number of the transcript, from 1")} | _LINES,
)
CHUNKS = Table(
    "The manifest of a half: the chunks that its video was cut into",
    {
        "half": _HALF,
        "chunk": _CHUNK,
        "start_s": _CHUNK_START,
        "end_s": _CHUNK_END,
        "file": (pl.String, "video of the chunk, beside this table; empty: it was set aside"),
        "sha256": (pl.String, "SHA-256 of that file, in hexadecimal"),
        "bug_file": (pl.String, "video of the score bug in the chunk, beside this table"),
        "bug_sha256": (pl.String, "SHA-256 of that file, in hexadecimal"),
        "frame_s": (
            pl.List(pl.Float64),
            "for each frame of the file, in its order: time in the half of the source picture that "
            "it shows",
            "s",
        ),
    },
)
# What was wrong in the input, and what it cost: `problems.csv`.
PROBLEMS = Table(
    "Problems that were met in the input",
    {
        "match": _MATCH,
        "half": _HALF,
        "stage": (pl.String, "command that met the problem"),
        "file": (pl.String, "file that has the problem"),
        "row": (pl.Int64, "line of a CSV or entry of a JSON list, from 1"),
        "problem": (pl.String, "what is wrong"),
        "remedy": (pl.String, "what to do"),
        "effect": (pl.String, f"what it cost: from noted to {MATCH_SET_ASIDE}"),
    },
)
READINGS = Table(
    "What the score bug shows in each frame that was read of a video",
    {
        "time_s": (pl.Float64, "time of the frame, from the start of the video", "s"),
        "text": (pl.String, "all that was read near the clock"),
        "x": (pl.Float64, "left edge of the clock's box in the upright source picture", "px"),
        "y": (pl.Float64, "upper edge of the clock's box", "px"),
        "w": (pl.Float64, "width of the clock's box", "px"),
        "h": (pl.Float64, "height of the clock's box", "px"),
        "clock_s": (pl.Float64, "match clock, with added time beside a stopped one", "s"),
        "added_s": (pl.Float64, "added time that stands beside a stopped clock", "s"),
        "left": (pl.Int64, "score of the team that stands left or above", "goals"),
        "right": (pl.Int64, "score of the other team", "goals"),
        "half": (pl.Int64, "half whose clock it is; null: of none"),
        "residual_s": (pl.Float64, "distance from that half's fitted clock", "s"),
        "decision": (pl.String, "what the reading was used for, or why not"),
    },
)
SAMPLES = Table(
    "Samples: each chunk with each action that is asked for",
    {
        "half": _HALF,
        "chunk": _CHUNK,
        "start_s": _CHUNK_START,
        "end_s": _CHUNK_END,
        "action": _ACTION,
        "lines": (pl.List(LINE), "lines of the commentary that overlap the chunk"),
    },
)
PREDICTIONS = Table(
    "Answers of a model, one row for each sample",
    {
        "half": _HALF,
        "chunk": _CHUNK,
        "action": _ACTION,
        "intervals": (pl.List(INTERVAL), "intervals in which the action occurs, by the model"),
        "status": (
            pl.String,
            "ok; none: the action does not occur; repaired: other wording, plain meaning; "
            "unparsable; refused; cut_off: at the limit on its length; skipped: no answer; "
            "not_asked: no commentary to ask about",
        ),
        "text": (pl.String, "what the model wrote; null for models that write nothing"),
        "prompt_tokens": (pl.Int64, "length of the prompt", "tokens"),
        "cached_tokens": (pl.Int64, "part of the prompt that was in the server's cache", "tokens"),
        "answer_tokens": (pl.Int64, "length of the answer", "tokens"),
        "seconds": (pl.Float64, "time of the answer; null for models that answer a match", "s"),
        "cost_usd": (pl.Float64, "price of the answer", "USD"),
        "outside": (
            pl.Float64,
            "probability of all texts that are no answer, for language models that are read from "
            "their distribution",
            "1",
        ),
        "rates": (
            pl.List(pl.Float32),
            "expected number of events in each second of the chunk from its start on, of a model that "
            "has them as a curve",
            "1/s",
        ),
    },
)
SCORES = Table(
    "Scores of a model in one match, for each protocol, matching and action",
    {
        "match": _MATCH,
        "protocol": (pl.String, "full: all samples; positives: those that have an event"),
        "matching": (pl.String, "many: many to many; one: one to one"),
        "action": _ACTION,
        "samples": _SAMPLES,
        "events": (pl.Int64, "number of events"),
        "predictions": (pl.Int64, "number of answered intervals"),
        "tp": (pl.Int64, "true positives"),
        "fp": (pl.Int64, "false positives"),
        "fn": (pl.Int64, "false negatives"),
    },
)
LOG = Table(
    "Training log: one row for each logged step, about the steps since the row before",
    {
        "step": (pl.Int64, "optimiser steps taken", "steps"),
        "loss": (pl.Float64, "mean loss"),
        "learning_rate": (pl.Float64, "learning rate at the step"),
        "grad_norm": (pl.Float64, "norm of the gradient before clipping"),
        "samples_per_s": (pl.Float64, "speed", "samples/s"),
        "data_wait": (pl.Float64, "fraction of the time that was spent waiting for data", "1"),
        "skipped": (pl.Int64, "chunks that could not be read; a step of nothing else has no loss"),
        "peak_mib": (
            pl.Float64,
            "peak memory of the GPU, or of the process where there is no GPU",
            "MiB",
        ),
    },
)

# Status of a sample's answer:
# ok          the requested sentences and nothing else
# none        the model answers that the action does not occur
# repaired    other wording or times, with an unambiguous meaning
# unparsable  neither times nor a denial, or no time that can be in the chunk
# refused     the model refused to answer
# cut_off     the answer reached the limit on its length; the intervals up to there are kept
# skipped     no answer: the chunk could not be read, the server did not answer, or the model does not
#             answer this action; events count as missed
# not_asked   a chunk without commentary, of a model that is paid for its answers to commentary; events
#             count as missed
ANSWER_STATUSES = ("ok", "none", "repaired", "unparsable", "refused", "cut_off")
STATUSES = (*ANSWER_STATUSES, "skipped", "not_asked")
TOKENS = ("prompt_tokens", "cached_tokens", "answer_tokens")
TALLY = Table(
    "Tally of a model's answers in each match",
    {"match": _MATCH, "samples": _SAMPLES}
    | {status: (pl.Int64, f"number of answers of status {status}") for status in STATUSES}
    | {
        "prompt_tokens": (pl.Int64, "length of all prompts", "tokens"),
        "cached_tokens": (pl.Int64, "part of them that was in the server's cache", "tokens"),
        "answer_tokens": (pl.Int64, "length of all answers", "tokens"),
        "seconds": (pl.Float64, "time of all answers", "s"),
        "cost_usd": (pl.Float64, "price of all answers", "USD"),
        "distributions": (pl.Int64, "number of answers that were read from their distribution"),
        "outside": (pl.Float64, "sum of their probabilities of all texts that are no answer", "1"),
    },
)
ANSWERS = Table(
    "Answered intervals of the scored matches",
    {
        "match": _MATCH,
        "half": _HALF,
        "chunk": _CHUNK,
        "action": _ACTION,
        "start_s": (pl.Float64, "start of the interval, from the start of the half's video", "s"),
        "end_s": (pl.Float64, "end of the interval, from the start of the half's video", "s"),
        "confidence": (pl.Float64, "confidence of the model; null for one that gives none", "1"),
        "counted": (pl.Boolean, "whether the confidence reaches the threshold"),
    },
)
