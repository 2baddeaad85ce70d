"""Table schemas (columns and types), and reading and writing tables as Parquet files.

The problems met while a table was made are stored in its file, as the key-value entry
`touchline.problems` (JSON), so that a table always says what was left out of it.
Times are float seconds from the start of the half's video (`_s`).
"""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import polars as pl

from touchline.core.files import atomic_file
from touchline.core.problems import MATCH_SET_ASIDE, InputError, Problem
from touchline.core.text_files import UnreadableError, check_regular


def _columns(**columns: pl.DataType | type[pl.DataType]) -> pl.Schema:
    return pl.Schema(columns)


LINE = pl.Struct({"start_s": pl.Float64, "end_s": pl.Float64, "text": pl.String})
INTERVAL = pl.Struct({"start_s": pl.Float64, "end_s": pl.Float64, "confidence": pl.Float64})

# Events (labelled moments). `label` is SoccerNet's, `action` the study's name for it.
LABELS = _columns(
    half=pl.Int64,
    time_s=pl.Float64,
    action=pl.String,
    label=pl.String,
    team=pl.String,
    visibility=pl.String,
)

# Segments: the lines of the commentary.
COMMENTARY = _columns(half=pl.Int64, start_s=pl.Float64, end_s=pl.Float64, text=pl.String)

# The lines of the further transcripts of a match, which are numbered from 1.
FURTHER = pl.Schema({"transcript": pl.Int64} | dict(COMMENTARY))

# The manifest of a half: its chunks. `frame_s` has one entry for each frame of the chunk file, in
# the order of the file: the time in the half of the source frame that it shows. `file` is relative
# to the manifest's folder, and empty for a chunk that was set aside.
CHUNKS = _columns(
    half=pl.Int64,
    chunk=pl.Int64,
    start_s=pl.Float64,
    end_s=pl.Float64,
    file=pl.String,
    sha256=pl.String,
    bug_file=pl.String,
    bug_sha256=pl.String,
    frame_s=pl.List(pl.Float64),
)

# What was wrong in the input, and what it cost: `problems.csv`.
PROBLEMS = _columns(
    match=pl.String,
    half=pl.Int64,
    stage=pl.String,
    file=pl.String,
    row=pl.Int64,
    problem=pl.String,
    remedy=pl.String,
    effect=pl.String,
)

# What the score bug shows in a frame. `text` is all that was read near the clock; the box of the clock
# is in pixels of the upright source picture. `added_s` is time that stands beside a stopped clock.
# `half` and `residual_s` (the distance from the half's fitted clock) are null where the clock is that
# of no half. `decision` says what the reading was used for, or why not.
READINGS = _columns(
    time_s=pl.Float64,
    text=pl.String,
    x=pl.Float64,
    y=pl.Float64,
    w=pl.Float64,
    h=pl.Float64,
    clock_s=pl.Float64,
    added_s=pl.Float64,
    left=pl.Int64,
    right=pl.Int64,
    half=pl.Int64,
    residual_s=pl.Float64,
    decision=pl.String,
)

# Samples: each chunk with each action, and the commentary lines that overlap the chunk.
SAMPLES = _columns(
    half=pl.Int64,
    chunk=pl.Int64,
    start_s=pl.Float64,
    end_s=pl.Float64,
    action=pl.String,
    lines=pl.List(LINE),
)

# Answers, one row for each sample. `text` is what the model wrote (empty for models that write
# none). `outside` is the probability of all texts that are no answer, of a language model whose answers
# are read from their distribution. `rates` are the expected numbers of events in each second of the chunk
# from its start on, of a model that has them as a curve. `seconds` is empty for models that answer a match as a whole: their time is in the rule's
# benchmark file.
PREDICTIONS = _columns(
    half=pl.Int64,
    chunk=pl.Int64,
    action=pl.String,
    intervals=pl.List(INTERVAL),
    status=pl.String,
    text=pl.String,
    prompt_tokens=pl.Int64,
    answer_tokens=pl.Int64,
    seconds=pl.Float64,
    cost_usd=pl.Float64,
    outside=pl.Float64,
    rates=pl.List(pl.Float32),
)

# Scores of a model in one match: counts for each protocol, matching and action.
SCORES = pl.Schema(
    {"match": pl.String, "protocol": pl.String, "matching": pl.String, "action": pl.String}
    | dict.fromkeys(["samples", "events", "predictions", "tp", "fp", "fn"], pl.Int64)
)

# Training log: one row for each logged step, about the steps since the row before.
LOG = _columns(
    step=pl.Int64,
    loss=pl.Float64,
    learning_rate=pl.Float64,
    grad_norm=pl.Float64,
    samples_per_s=pl.Float64,
    data_wait=pl.Float64,  # fraction of the time spent waiting for data
    skipped=pl.Int64,  # chunks that could not be read; a step of nothing else has no loss
    peak_mib=pl.Float64,  # peak memory of the GPU, or of the process where there is no GPU
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
ANSWER_STATUSES = ("ok", "none", "repaired", "unparsable", "refused", "cut_off")
STATUSES = (*ANSWER_STATUSES, "skipped")
TOKENS = ("prompt_tokens", "answer_tokens")
# Tally of a model's answers in one match: number by status, tokens, time and cost.
TALLY = pl.Schema(
    {"match": pl.String, "samples": pl.Int64}
    | dict.fromkeys(STATUSES + TOKENS, pl.Int64)
    | {"seconds": pl.Float64, "cost_usd": pl.Float64}
)

# Answered intervals of a scored match; `counted` says whether the confidence reaches the threshold.
ANSWERS = _columns(
    match=pl.String,
    half=pl.Int64,
    chunk=pl.Int64,
    action=pl.String,
    start_s=pl.Float64,
    end_s=pl.Float64,
    confidence=pl.Float64,
    counted=pl.Boolean,
)

# The `action` of rows that pool all actions, in tables of scores.
ALL = "all"

SCOREBOARD_KEY = "touchline.scoreboard"  # of what `touchline scoreboard` found, a JSON text
_PROBLEMS_KEY = "touchline.problems"


def fill_predictions(answers: pl.DataFrame) -> pl.DataFrame:
    """Return `answers` with the columns of `PREDICTIONS`; a column that it lacks is null."""
    return answers.select(
        (pl.col(name) if name in answers.columns else pl.lit(None).alias(name)).cast(kind)
        for name, kind in PREDICTIONS.items()
    )


def sum_or_null(name: str) -> pl.Expr:
    """Return the sum of a column, null (not 0) where all its values are null."""
    return pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()).alias(name)


def write(
    path: Path | str,
    frame: pl.DataFrame,
    schema: pl.Schema,
    problems: Sequence[Problem] = (),
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write `frame` atomically with exactly the columns of `schema`; equal rows give equal bytes.

    `metadata` are further key-value entries of the file, which `read_metadata` returns.
    Raises polars' errors when a column is missing or cannot be cast, which is a bug, not bad input.
    """
    frame = frame.select(pl.col(name).cast(kind) for name, kind in schema.items())
    entry = json.dumps([asdict(problem) for problem in problems], sort_keys=True)
    with atomic_file(path) as partial:
        entries = {**(metadata or {}), _PROBLEMS_KEY: entry}
        frame.write_parquet(partial, compression="zstd", metadata=entries)


def read(path: Path | str, schema: pl.Schema) -> pl.DataFrame:
    """Read a table; raise `InputError` when the file is not a Parquet file with these columns."""
    with _readable(path):
        frame = pl.read_parquet(path, glob=False)
    if dict(frame.schema) != dict(schema):
        raise InputError(
            f"{path}: columns {list(frame.columns)} instead of {list(schema)}. "
            "It was written by another version: delete it; it is made again."
        )
    return frame


def read_csv(path: Path | str) -> pl.DataFrame:
    """Return a CSV table for people, such as metrics.csv; names are text, also those of digits."""
    names = dict.fromkeys(["model", "other", "action", "part", "value"], pl.String)
    return pl.read_csv(path, schema_overrides=names, infer_schema_length=None)


def read_metadata(path: Path | str) -> dict[str, str]:
    """Return the key-value entries of a table's file; raise `InputError` for no Parquet file."""
    with _readable(path):
        return pl.read_parquet_metadata(path)


def read_problems(path: Path | str) -> list[Problem]:
    """Return the problems that were met while the table at `path` was made.

    Raises `InputError` when the file is not a Parquet file, or was written by another version.
    """
    with _readable(path):
        entry = pl.read_parquet_metadata(path).get(_PROBLEMS_KEY, "[]")
        return [Problem(**fields) for fields in json.loads(entry)]


@contextlib.contextmanager
def _readable(path: Path | str) -> Iterator[None]:
    """Raise `InputError` for a table that is missing, cut, damaged or no regular file."""
    try:
        check_regular(path)
        yield
    except UnreadableError as error:
        reason = str(error)
    except (OSError, ValueError, TypeError, pl.exceptions.PolarsError) as error:
        reason = str(error).split("\n")[0]
    except pl.exceptions.PanicException:  # of polars itself, on some damaged files
        reason = "it is damaged"
    else:
        return
    raise InputError(
        f"{path}: not a readable Parquet file ({reason}). Delete it; it is made again."
    )


def is_set_aside(path: Path | str) -> bool:
    """Say whether the match of this table was set aside when it was made."""
    return any(problem.effect == MATCH_SET_ASIDE for problem in read_problems(path))


def unusable_file(
    columns: pl.Schema,
    match: str,
    stage: str,
    path: object,
    text: str,
    remedy: str,
    half: int | None = None,
) -> tuple[pl.DataFrame, list[Problem]]:
    """Return what a reader gives for a file without use: no rows, and the problem that says why."""
    problem = Problem(match, stage, text, remedy, MATCH_SET_ASIDE, half, str(path))
    return pl.DataFrame(schema=columns), [problem]


def problems_table(problems: Sequence[Problem]) -> pl.DataFrame:
    """Return the problems as a table (columns `PROBLEMS`), in the order given."""
    return pl.DataFrame([asdict(problem) for problem in problems], schema=PROBLEMS)
