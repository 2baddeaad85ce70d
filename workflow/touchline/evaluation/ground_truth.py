"""Ground truth of the scored matches: their samples, and the interval of every event."""

import polars as pl

from touchline.core import schema
from touchline.core.problems import InputError
from touchline.evaluation.matching import truth_intervals


def read_ground_truth(
    matches: list[str], samples: str, labels: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (samples, truths) of the matches whose labels and samples were not set aside.

    The paths have `{match}`. Samples: match, half, chunk, action, start_s, end_s, and `spoken`,
    whether the chunk has any commentary; truths as of `matching.truth_intervals`. Raises
    `InputError` when no match is left.
    """
    samples_of_matches, truths = [], []
    for match in matches:
        if schema.is_set_aside(labels.format(match=match)):
            continue
        table = schema.read(samples.format(match=match), schema.SAMPLES)
        if table.is_empty():
            continue
        table = table.select(
            pl.lit(match).alias("match"),
            *("half", "chunk", "action", "start_s", "end_s"),
            spoken=pl.col("lines").list.len() > 0,
        )
        samples_of_matches.append(table)
        truths.append(
            truth_intervals(table, schema.read(labels.format(match=match), schema.LABELS))
        )
    if not samples_of_matches:
        raise InputError(
            "no match to score: the split of score.split has none with labels, or all were set "
            "aside. Choose another split, or see results/problems.csv and the logs of labels."
        )
    return pl.concat(samples_of_matches), pl.concat(truths)
