"""The answer of a study in sentences: which model is best, by how much, and is it better than a baseline."""

from typing import NamedTuple

import polars as pl

from touchline.core.schema import ALL
from touchline.evaluation.table_format import between, number, signed

FEW_MATCHES = 10  # below it a bootstrap over matches draws the same few again and again


class Verdict(NamedTuple):
    """The best model, the headline, and the sentences below it."""

    best: str
    headline: str
    sentences: list[str]


class Lead(NamedTuple):
    """How far one model is above another: the difference in F1 and its paired interval."""

    difference: float | None
    low: float | None
    high: float | None

    @property
    def is_certain(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low is not None and (self.low > 0 or self.high < 0)

    def __str__(self) -> str:
        if self.low is None:
            return f"{signed(self.difference)} (no interval)"
        return (
            f"{signed(self.difference)}, paired interval {signed(self.low)} to {signed(self.high)}"
        )


def lead(differences: pl.DataFrame, model: str, other: str, matching: str = "many") -> Lead:
    """Return how far `model` is above `other`, whichever of them the table names first."""
    rows = differences.filter(protocol="full", matching=matching, action=ALL)
    found = rows.filter(model=model, other=other)
    if len(found):
        return Lead(*found.select("difference", "low", "high").row(0))
    difference, low, high = (
        rows.filter(model=other, other=model).select("difference", "low", "high").row(0)
    )
    return Lead(*(None if value is None else -value for value in (difference, high, low)))


def judge(
    metrics: pl.DataFrame,
    differences: pl.DataFrame,
    baselines: list[str],
    matches: int,
    confidence_level: float,
) -> Verdict:
    """Say which model is best; `baselines` are the models that look at nothing.

    `metrics` is metrics.csv, `differences` is differences.csv, `matches` how many were scored. An
    undefined F1 counts as 0. The best baseline is the floor.
    """
    rows = metrics.filter(protocol="full", action=ALL).with_columns(pl.col("f1").fill_null(0))
    ranked = rows.filter(matching="many").sort("f1", descending=True, maintain_order=True)
    real = [model for model in ranked["model"] if model not in baselines]
    floor = next((model for model in ranked["model"] if model in baselines), None)
    best = real[0] if real else floor
    row = ranked.row(by_predicate=pl.col("model") == best, named=True)
    percent = f"{100 * confidence_level:g} %"
    sentences = [_found(row, percent)]
    if real and floor:
        above = lead(differences, best, floor)
        headline = _headline(best, above, len(real), matches)
        sentences.append(
            f"Against the baseline “{floor}”, which looks at nothing, the difference in F1 is {above}."
        )
    elif real:
        headline = f"{best} has the highest F1, {number(row['f1'], 3)}"
        sentences.append("No constant baseline was compared, so nothing says what F1 is for free.")
    else:
        headline = "Only constant baselines were compared"
    if len(real) > 1:
        above = lead(differences, best, real[1])
        if above == (0, 0, 0):
            sentences.append(f"The next model, {real[1]}, has the same F1.")
        else:
            chance = " That may be chance: the interval does not leave out 0."
            end = "" if above.is_certain else chance
            sentences.append(f"The next model is {real[1]} (difference in F1 {above}).{end}")
    once = rows.filter(matching="one").sort("f1", descending=True, maintain_order=True)
    own = once.row(by_predicate=pl.col("model") == best, named=True)
    order = "the order of the models is the same"
    if once["model"].to_list() != ranked["model"].to_list():
        order = f"{once['model'][0]} is then first"
    sentences.append(
        f"With one-to-one matching, where no repeated answer counts, its F1 is {number(own['f1'])}; "
        f"{order}."
    )
    if matches < FEW_MATCHES:
        sentences.append(
            f"Only {matches} match{'es were' if matches != 1 else ' was'} scored: no interval over so "
            "few can be trusted."
        )
    return Verdict(best, headline, sentences)


def _found(row: dict, percent: str) -> str:
    """Say what the model's precision and recall mean."""
    text = f"F1 {number(row['f1'])}"
    if row["f1_low"] is not None:
        text += f" ({percent} interval {between(row['f1_low'], row['f1_high'])})"
    shares = []
    if row["precision"] is not None:
        shares.append(f"{100 * row['precision']:.0f} of 100 answers are right")
    if row["recall"] is not None:
        shares.append(f"{100 * row['recall']:.0f} of 100 events are found")
    return f"{text}: {' and '.join(shares) or 'there is nothing to find'}."


def _headline(best: str, above: Lead, models: int, matches: int) -> str:
    """Say how the best model stands against the best baseline."""
    if matches < FEW_MATCHES:
        return f"Too few matches to say whether {best} is better than a baseline"
    if above.is_certain and above.difference < 0:
        return "No model is better than a baseline"
    name = f"{best}, the best of {models} models," if models > 1 else best
    if above.is_certain:
        return f"{name} is better than a baseline, by {number(above.difference, 3)} F1"
    return f"{name} is not shown to be better than a baseline"
