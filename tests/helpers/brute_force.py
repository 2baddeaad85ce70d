"""The scoring rule by brute force, in plain Python on whole seconds, for tests to compare with.

An interval is (sample, start, end); a sample is (match, half, chunk, action).
"""

import polars as pl

from touchline.evaluation.score import Answered

KEY = {"match": pl.String, "half": pl.Int64, "chunk": pl.Int64, "action": pl.String}
SPAN = {"start_s": pl.Float64, "end_s": pl.Float64}


def matches(a, b):
    """Say whether IoU > 3/10, in whole numbers."""
    overlap = max(0, min(a[2], b[2]) - max(a[1], b[1]))
    extent = max(a[2], b[2]) - min(a[1], b[1])
    return a[0] == b[0] and 10 * overlap > 3 * extent


def largest_matching(answers, truths):
    """Return the size of a largest one-to-one matching, trying every way to use each answer."""
    if not answers:
        return 0
    first, rest = answers[0], answers[1:]
    sizes = [largest_matching(rest, truths)]
    for index, truth in enumerate(truths):
        if matches(first, truth):
            sizes.append(1 + largest_matching(rest, truths[:index] + truths[index + 1 :]))
    return max(sizes)


def counts(answers, truths, matching="many"):
    """Return (tp, fp, fn)."""
    if matching == "one":
        tp = largest_matching(answers, truths)
        return tp, len(answers) - tp, len(truths) - tp
    return (
        sum(matches(answer, truth) for answer in answers for truth in truths),
        sum(not any(matches(answer, truth) for truth in truths) for answer in answers),
        sum(not any(matches(answer, truth) for answer in answers) for truth in truths),
    )


def table(intervals):
    """Return intervals as a table."""
    rows = [(*sample, float(start), float(end)) for sample, start, end, *_ in intervals]
    return pl.DataFrame(rows, schema=KEY | SPAN, orient="row")


def with_confidence(answers):
    """Return answers (sample, start, end, confidence) as a table."""
    return table(answers).with_columns(
        pl.Series("confidence", [answer[3] for answer in answers], pl.Float64)
    )


def samples(keys):
    """Return sample keys as a table."""
    return pl.DataFrame(list(keys), schema=KEY, orient="row")


def answered(answers, truths, keys):
    """Return answers (sample, start, end, confidence) and truths of these samples as tables."""
    return Answered(samples(keys), table(truths), with_confidence(answers))
