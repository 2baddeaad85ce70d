"""Make the samples of a match: every chunk × every action, with the chunk's commentary."""

import argparse
from pathlib import Path

import polars as pl

from touchline.core import cli, schema
from touchline.core.intervals import chunk_spans
from touchline.core.problems import InputError
from touchline.data.loops import collapse_loops


def make_samples(
    segments: pl.DataFrame,
    durations_s: dict[int, float],
    actions: list[str],
    length_s: float,
    overlap_s: float,
) -> pl.DataFrame:
    """Return the samples (columns `schema.SAMPLES`), ordered by half, chunk and the given actions.

    A segment belongs to every chunk that it overlaps; a segment of no length to the chunks it is
    in. `durations_s` maps a half to its seconds, `length_s` and `overlap_s` are those of the
    chunks.
    """
    chunks = pl.DataFrame(
        [
            (half, chunk, start_s, end_s)
            for half, duration_s in sorted(durations_s.items())
            for chunk, (start_s, end_s) in enumerate(chunk_spans(duration_s, length_s, overlap_s))
        ],
        schema={"half": pl.Int64, "chunk": pl.Int64, "start_s": pl.Float64, "end_s": pl.Float64},
        orient="row",
    )
    lines = (
        chunks.join_where(
            segments.rename({"half": "line_half", "start_s": "line_start", "end_s": "line_end"}),
            pl.col("half") == pl.col("line_half"),
            pl.col("line_start") < pl.col("end_s"),
            (pl.col("line_end") > pl.col("start_s")) | (pl.col("line_start") >= pl.col("start_s")),
        )
        .sort("half", "chunk", "line_start", "line_end", "text")
        .group_by("half", "chunk", maintain_order=True)
        .agg(lines=pl.struct(start_s="line_start", end_s="line_end", text="text"))
    )
    return (
        chunks.join(lines, on=["half", "chunk"], how="left", maintain_order="left")
        .with_columns(pl.col("lines").fill_null([]))
        .join(pl.DataFrame({"action": actions}), how="cross", maintain_order="left_right")
        .select(schema.SAMPLES.names())
    )


def main(argv: list[str]) -> None:
    """Write the samples of one match."""
    parser = argparse.ArgumentParser(prog="touchline samples", description=__doc__)
    parser.add_argument("--commentary", type=Path, required=True, metavar="PARQUET")
    parser.add_argument(
        "--durations", type=cli.half_durations, required=True, metavar="JSON",
        help='seconds of each half, such as \'{"1": 2700.0, "2": 2745.5}\'',
    )  # fmt: skip
    parser.add_argument("--actions", nargs="+", required=True, metavar="ACTION")
    parser.add_argument("--length-s", type=float, default=60.0, help="chunk length (%(default)s)")
    parser.add_argument("--overlap-s", type=float, default=0.0, help="(%(default)s)")
    parser.add_argument(
        "--collapse-loops", action=argparse.BooleanOptionalAction, default=True,
        help="keep one of consecutive commentary lines with the same text (%(default)s)",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, metavar="PARQUET")
    args = parser.parse_args(argv)
    durations = args.durations
    segments = schema.read(args.commentary, schema.COMMENTARY)
    if schema.is_set_aside(args.commentary):
        durations = {}
    if args.collapse_loops:
        segments = collapse_loops(segments)
    try:
        samples = make_samples(segments, durations, args.actions, args.length_s, args.overlap_s)
    except ValueError as error:
        raise InputError(
            f"{error}. Make the overlap in grid: smaller than the length, and correct durations "
            "of 0 or of more than four hours."
        ) from error
    schema.write(args.out, samples, schema.SAMPLES)
