"""The verdict of a run in sentences: the best model, its lead, and the constant baseline."""

from typing import NamedTuple

import polars as pl

from touchline.core.schema import ALL
from touchline.evaluation.table_format import format_difference, format_interval, format_number

FEW_MATCHES = 10  # with fewer, a bootstrap over matches is not reliable


class Verdict(NamedTuple):
    """The best model, a headline, and the sentences that support it."""

    best: str
    headline: str
    sentences: list[str]


class Lead(NamedTuple):
    """The difference in F1 between two models and its paired bootstrap interval, if any."""

    difference: float | None
    low: float | None
    high: float | None

    @property
    def is_certain(self) -> bool:
        """Whether the interval excludes 0."""
        if self.low is None or self.high is None:
            return False
        return self.low > 0 or self.high < 0

    def __str__(self) -> str:
        if self.low is None:
            return f"{format_difference(self.difference)} (no interval)"
        interval = f"{format_difference(self.low)} to {format_difference(self.high)}"
        return f"{format_difference(self.difference)}, paired interval {interval}"


def find_lead(differences: pl.DataFrame, model: str, other: str, matching: str = "many") -> Lead:
    """Return F1 of `model` minus F1 of `other`, whichever of them the table names first."""
    rows = differences.filter(protocol="full", matching=matching, action=ALL)
    columns = ["difference", "low", "high"]
    row = rows.filter(model=model, other=other)
    if len(row):
        return Lead(*row.select(columns).row(0))
    difference, low, high = rows.filter(model=other, other=model).select(columns).row(0)
    return Lead(*(None if value is None else -value for value in (difference, high, low)))


def judge(
    metrics: pl.DataFrame,
    differences: pl.DataFrame,
    baselines: list[str],
    matches: int,
    confidence_level: float,
) -> Verdict:
    """Return the verdict; `baselines` are the models that are constant baselines.

    `metrics` is metrics.csv, `differences` is differences.csv, `matches` the number of scored
    matches. An undefined F1 counts as 0. Models are compared with the best of the baselines.
    """
    rows = metrics.filter(protocol="full", action=ALL).with_columns(pl.col("f1").fill_null(0))
    ranked = rows.filter(matching="many").sort("f1", descending=True, maintain_order=True)
    names = ranked["model"].to_list()
    models = [name for name in names if name not in baselines]
    ranked_baselines = [name for name in names if name in baselines]
    best = (models or ranked_baselines)[0]
    row = ranked.row(by_predicate=pl.col("model") == best, named=True)
    percent = f"{100 * confidence_level:g} %"
    sentences = [_describe_f1(row, percent)]
    if models and ranked_baselines:
        baseline = ranked_baselines[0]
        lead = find_lead(differences, best, baseline)
        headline = _headline(best, lead, len(models), matches)
        sentences.append(
            f"Compared with the constant baseline “{baseline}”, which reads neither video nor "
            f"commentary, the difference in F1 is {lead}."
        )
    elif models:
        headline = f"{best} has the highest F1, {format_number(row['f1'], 3)}"
        sentences.append(
            "No constant baseline was compared, so the F1 without any model is unknown."
        )
    else:
        headline = "Only constant baselines were compared"
    if len(models) > 1:
        second = models[1]
        lead = find_lead(differences, best, second)
        if lead == (0, 0, 0):
            sentences.append(f"The next model, {second}, has the same F1.")
        else:
            chance = " That may be chance: the interval includes 0."
            end = "" if lead.is_certain else chance
            sentences.append(f"The next model is {second} (difference in F1 {lead}).{end}")
    ranked_one = rows.filter(matching="one").sort("f1", descending=True, maintain_order=True)
    row_one = ranked_one.row(by_predicate=pl.col("model") == best, named=True)
    order = "the order of the models is the same"
    if ranked_one["model"].to_list() != names:
        order = f"{ranked_one['model'][0]} is then first"
    sentences.append(
        "With one-to-one matching, where no repeated answer counts, its F1 is "
        f"{format_number(row_one['f1'])}; {order}."
    )
    if matches < FEW_MATCHES:
        sentences.append(
            f"Only {matches} match{'es were' if matches != 1 else ' was'} scored: intervals over so "
            "few are not reliable."
        )
    return Verdict(best, headline, sentences)


def _describe_f1(row: dict, percent: str) -> str:
    """Return a sentence with F1, its interval, and what precision and recall mean."""
    text = f"F1 {format_number(row['f1'])}"
    if row["f1_low"] is not None:
        text += f" ({percent} interval {format_interval(row['f1_low'], row['f1_high'])})"
    shares = []
    if row["precision"] is not None:
        shares.append(f"{100 * row['precision']:.0f} of 100 answers are right")
    if row["recall"] is not None:
        shares.append(f"{100 * row['recall']:.0f} of 100 events are found")
    return f"{text}: {' and '.join(shares) or 'there are no answers and no events'}."


def _headline(best: str, lead: Lead, models: int, matches: int) -> str:
    """Return how the best of the models compares with the best constant baseline."""
    if matches < FEW_MATCHES:
        return f"Too few matches to say whether {best} is better than the constant baseline"
    if lead.is_certain and lead.difference is not None and lead.difference < 0:
        return "No model is better than the constant baseline"
    name = f"{best}, the best of {models} models," if models > 1 else best
    if lead.is_certain:
        difference = format_number(lead.difference, 3)
        return f"{name} is better than the constant baseline, by {difference} F1"
    return f"{name} is not shown to be better than the constant baseline"
