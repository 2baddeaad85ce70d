"""The tables of a study: their columns, and how they are written and read.

A table is one Parquet file. The problems met while making it travel inside it, as the key-value
entry `touchline.core.problems` (JSON), so a table always says what was left out of it.
Times are float seconds from the start of the half's video (`_s`).
"""

import json
from dataclasses import asdict
from pathlib import Path

import polars as pl

from touchline.core.files import atomic_file
from touchline.core.problems import MATCH_SET_ASIDE, InputError, Problem

LINE = pl.Struct({"start_s": pl.Float64, "end_s": pl.Float64, "text": pl.String})
INTERVAL = pl.Struct({"start_s": pl.Float64, "end_s": pl.Float64, "confidence": pl.Float64})

# An event: a labelled moment. `action` is the study's word for SoccerNet's `label`.
LABELS = pl.Schema(
    {
        "half": pl.Int64,
        "time_s": pl.Float64,
        "action": pl.String,
        "label": pl.String,
        "team": pl.String,
        "visibility": pl.String,
    }
)

# A segment: one line of commentary.
COMMENTARY = pl.Schema(
    {"half": pl.Int64, "start_s": pl.Float64, "end_s": pl.Float64, "text": pl.String}
)

# A chunk of a half's video. `frame_s` has one entry per frame of the chunk file, in the order of
# the file: the time in the half of the source frame that it shows. `file` is relative to the
# manifest's folder and empty for a chunk that was set aside.
CHUNKS = pl.Schema(
    {
        "half": pl.Int64,
        "chunk": pl.Int64,
        "start_s": pl.Float64,
        "end_s": pl.Float64,
        "file": pl.String,
        "sha256": pl.String,
        "bug_file": pl.String,
        "bug_sha256": pl.String,
        "frame_s": pl.List(pl.Float64),
    }
)

# A sample: one chunk and one action, with the commentary lines that overlap the chunk.
SAMPLES = pl.Schema(
    {
        "half": pl.Int64,
        "chunk": pl.Int64,
        "start_s": pl.Float64,
        "end_s": pl.Float64,
        "action": pl.String,
        "lines": pl.List(LINE),
    }
)

# A sample's answer. `text` is what the model wrote (empty for models that write none), `seconds`
# is empty for models that answer a match as a whole: the rule's benchmark file has their time.
PREDICTIONS = pl.Schema(
    {
        "half": pl.Int64,
        "chunk": pl.Int64,
        "action": pl.String,
        "intervals": pl.List(INTERVAL),
        "status": pl.String,
        "text": pl.String,
        "prompt_tokens": pl.Int64,
        "answer_tokens": pl.Int64,
        "seconds": pl.Float64,
        "cost_usd": pl.Float64,
    }
)

# What a model's answers count in one match: one row per protocol, matching and action.
SCORES = pl.Schema(
    {"match": pl.String, "protocol": pl.String, "matching": pl.String, "action": pl.String}
    | dict.fromkeys(["samples", "events", "predictions", "tp", "fp", "fn"], pl.Int64)
)

# A training's log: one row per logged step, about the steps since the row before.
LOG = pl.Schema(
    {
        "step": pl.Int64,
        "loss": pl.Float64,
        "learning_rate": pl.Float64,
        "grad_norm": pl.Float64,
        "samples_per_s": pl.Float64,
        "data_wait": pl.Float64,  # share of the time in which the model waited for data
        "skipped": pl.Int64,  # chunks that could not be read; with no other, there is no loss
        "peak_mib": pl.Float64,  # of the GPU's memory, or of the process where there is no GPU
    }
)

# What became of a sample's question:
# ok          the sentences that were asked for, and nothing else
# none        the model says that the action does not occur
# repaired    other words or times, with a clear meaning
# unparsable  no times and no denial, or no times that can be in the chunk
# refused     the model would not answer
# cut_off     the answer ran into the limit on its length; what it said until then is kept
# skipped     there is no answer: its chunk could not be read, or its server did not answer
ANSWER_STATUSES = ("ok", "none", "repaired", "unparsable", "refused", "cut_off")
STATUSES = (*ANSWER_STATUSES, "skipped")
TOKENS = ("prompt_tokens", "answer_tokens")
# What became of a model's samples in one match: how many have each status, and what they took.
TALLY = pl.Schema(
    {"match": pl.String, "samples": pl.Int64}
    | dict.fromkeys(STATUSES + TOKENS, pl.Int64)
    | {"seconds": pl.Float64, "cost_usd": pl.Float64}
)

# An answered interval of a scored match; `counted` says whether it reaches the threshold.
ANSWERS = pl.Schema(
    {
        "match": pl.String,
        "half": pl.Int64,
        "chunk": pl.Int64,
        "action": pl.String,
        "start_s": pl.Float64,
        "end_s": pl.Float64,
        "confidence": pl.Float64,
        "counted": pl.Boolean,
    }
)

# In the tables of scores: all actions pooled.
ALL = "all"

_PROBLEMS_KEY = "touchline.core.problems"


def fill_predictions(answers: pl.DataFrame) -> pl.DataFrame:
    """Return `answers` with all columns of `PREDICTIONS`; those that it lacks are empty."""
    return answers.select(
        (pl.col(name) if name in answers.columns else pl.lit(None).alias(name)).cast(kind)
        for name, kind in PREDICTIONS.items()
    )


def sum_or_null(name: str) -> pl.Expr:
    """Return the sum of a column; empty, not 0, where nothing in it is known."""
    return pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()).alias(name)


def write(
    path: Path | str, frame: pl.DataFrame, schema: pl.Schema, problems: list[Problem] = ()
) -> None:
    """Write `frame` whole, as exactly the columns of `schema`; the same rows give the same bytes.

    Raises polars' errors when a column is missing or cannot be cast, which is a bug, not bad input.
    """
    frame = frame.select(pl.col(name).cast(kind) for name, kind in schema.items())
    entry = json.dumps([asdict(problem) for problem in problems], sort_keys=True)
    with atomic_file(path) as partial:
        frame.write_parquet(partial, compression="zstd", metadata={_PROBLEMS_KEY: entry})


def read(path: Path | str, schema: pl.Schema) -> pl.DataFrame:
    """Read a table; raise `InputError` when the file is not a Parquet file with these columns."""
    try:
        frame = pl.read_parquet(path, glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(
            f"{path}: not a readable Parquet file ({error}). Delete it; it is made again."
        ) from error
    if dict(frame.schema) != dict(schema):
        raise InputError(
            f"{path}: columns {list(frame.columns)} instead of {list(schema)}. "
            "It was written by another version: delete it; it is made again."
        )
    return frame


def read_csv(path: Path | str) -> pl.DataFrame:
    """Read one of the tables that people open, such as metrics.csv; names stay text."""
    words = dict.fromkeys(["model", "other", "action", "part", "value"], pl.String)
    return pl.read_csv(path, schema_overrides=words, infer_schema_length=None)


def read_problems(path: Path | str) -> list[Problem]:
    """Return the problems that were met while the table at `path` was made."""
    entry = pl.read_parquet_metadata(path).get(_PROBLEMS_KEY, "[]")
    return [Problem(**fields) for fields in json.loads(entry)]


def is_set_aside(path: Path | str) -> bool:
    """Say whether the match of this table was set aside when it was made."""
    return any(problem.effect == MATCH_SET_ASIDE for problem in read_problems(path))
