"""Make the commentary model that comes with Touchline: train, reduce, choose a threshold, card.

    python benchmarks/commentary_model.py --soccernet DIR --out DIR [--trained DIR]

DIR is as for `make soccernet`. One network of the backend `tcn` is trained on the 300 train games for
SoccerNet's 17 labels. Several reductions of it are scored on the 100 valid games, and one is written
to --out with a card, whose figures this command computes. With one thread, the same data gives the
same model. --trained keeps the unreduced network, or has it from an earlier run.
"""

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from commentary import METRICS, named, read_games
from tables import ACTIONS, CONFIG
from touchline.core.actions import action_name
from touchline.core.files import write_text
from touchline.data.folds import split_folds
from touchline.evaluation import bootstrap, thresholds
from touchline.evaluation.matching import answer_intervals, count, truth_intervals
from touchline.evaluation.score import Answered, apply_tuned_thresholds
from touchline.models import constant
from touchline.models.backend import Match
from touchline.models.words import reduce, tcn, tcn_fit
from touchline.models.words.commentary_words import split_halves
from touchline.models.words.features import count_words

LABELS = CONFIG["labels"]
ALL_ACTIONS = sorted(set(LABELS.values()))
SETTINGS = {**CONFIG["models"]["tcn"], "ensemble_size": 1}
LENGTH_S = 12.0  # of an answer
CHECK_GAMES = 10  # whose F1 a test computes again


class Reduction(NamedTuple):
    """Words that occur in at least `games` games are kept; `store` says how a weight is stored."""

    name: str
    games: int
    store: Callable[[str, np.ndarray], reduce.Tensors]


UNREDUCED = Reduction("unreduced, 32 bits", 0, reduce.keep)
SHIPPED = Reduction("8-bit word vectors, the rest 16 bits", 20, reduce.quantise_words)
REDUCTIONS = (
    UNREDUCED,
    Reduction("all 16 bits", 0, reduce.halve),
    SHIPPED,
    Reduction("8-bit matrices, the rest 16 bits", 20, reduce.quantise_matrices),
    SHIPPED._replace(games=30),
    SHIPPED._replace(games=50),
)


def train(games: Iterable[Match], folder: Path) -> None:
    """Train one network for the labels of the games, which are their actions."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {name: SETTINGS[name] for name in SETTINGS if name not in ("backend", "threshold")}
    with tempfile.TemporaryDirectory() as checkpoints:
        tcn_fit.fit(games, settings, folder, Path(checkpoints))


def count_games(games: Iterable[Match]) -> Counter[str]:
    """Return in how many games each word and each pair of words occurs."""
    counts: Counter[str] = Counter()
    for game in games:
        counts.update(
            {word for _, lines, _ in split_halves(game.samples) for word in count_words(lines)}
        )
    return counts


def answer(games: list[Match], model) -> Answered:
    """Return samples, truths and a model's answers of some games."""
    return Answered(
        pl.concat(named(game, game.samples.drop("lines")) for game in games),
        pl.concat(truth_intervals(named(game, game.samples), game.labels) for game in games),
        pl.concat(answer_intervals(named(game, model.answer(game))) for game in games),
    )


def of_actions(answered: Answered, actions: list[str]) -> Answered:
    """Return the rows of some actions."""
    return Answered(*(table.filter(pl.col("action").is_in(actions)) for table in answered))


def tune_one_threshold(answered: Answered) -> float:
    """Return the threshold that maximises the pooled F1 where all actions have the same one."""
    as_one = pl.lit(bootstrap.ALL).alias("action")
    counts = thresholds.count_by_confidence(answered.answers, answered.truths)
    events = answered.truths.select(as_one, events=pl.len()).head(1)
    return thresholds.tune_thresholds(counts.with_columns(as_one), events)[bootstrap.ALL]


def cross_fit(answered: Answered) -> pl.DataFrame:
    """Return the answers that reach one threshold, that of a fold tuned on the other folds."""
    games = answered.samples["match"].unique().sort().to_list()
    kept = []
    for held_out in split_folds(games):
        threshold = tune_one_threshold(answered.of_matches([g for g in games if g not in held_out]))
        answers = answered.of_matches(held_out).answers
        kept.append(answers.filter(pl.col("confidence") >= threshold))
    return pl.concat(kept)


def score(answered: Answered, kept: pl.DataFrame) -> dict[tuple[str, str], str]:
    """Return "F1 | 95 % interval" by (matching, action), of every chunk."""
    counts = count(answered.samples, answered.truths, kept)
    games = counts["match"].n_unique()
    once = bootstrap.resample_f1(counts, np.ones((1, games)))
    drawn = bootstrap.resample_f1(
        counts, bootstrap.draw_matches(games, METRICS["resamples"], METRICS["seed"])
    )
    cells = {}
    for (protocol, matching, action), (value,) in once.items():
        if protocol == "full":
            interval = bootstrap.percentile_interval(
                drawn[protocol, matching, action], games, METRICS["confidence_level"]
            )
            low, high = (f"{edge:.3f}".lstrip("0") for edge in interval)
            cells[matching, action] = f"{value:.3f}".lstrip("0") + f" | {low} to {high}"
    return cells


def megabytes(folder: Path) -> float:
    """Return the size of a model's files in millions of bytes, without its card."""
    return sum((folder / name).stat().st_size for name in tcn.tcn_weights.FILES) / 1e6


def main() -> None:
    """Train, reduce, score, and write the model with its card."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--soccernet", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of the model, replaced")
    parser.add_argument("--trained", type=Path, help="keeps the unreduced network here, or uses it")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        trained = args.trained or Path(scratch, "trained")
        as_labels = {label: label for label in LABELS}
        games = list(read_games(args.soccernet, "train", action_of=as_labels))
        if not (trained / "model.safetensors").exists():
            train(iter(games), trained)
        in_games = count_games(games)
        hours = sum(
            end_s for game in games for _, _, end_s in split_halves(game.samples)
        ) / 3600  # fmt: skip
        train_games = len(games)
        del games
        valid = list(read_games(args.soccernet, "valid", actions=ALL_ACTIONS))
        outputs = json.loads((trained / "model.json").read_text(encoding="utf-8"))
        description = {"labels": outputs["actions"], "step_s": outputs["step_s"]}
        reductions = []
        for reduction in REDUCTIONS:
            kept_words = {word for word, number in in_games.items() if number >= reduction.games}
            folder = Path(scratch, "reduced")
            reduce.reduce_model(trained, folder, kept_words, reduction.store, description)
            model = tcn.load({"weights": str(folder), "labels": LABELS, "length_s": LENGTH_S}, None)
            answered = answer(valid, model)
            seven = of_actions(answered, ACTIONS)
            cells = score(seven, cross_fit(seven))["many", bootstrap.ALL]
            name = f"**{reduction.name}**" if reduction == SHIPPED else reduction.name
            row = f"{name} | {reduction.games or '–'} | {len(model.vocabulary):,} | {megabytes(folder):.2f} MB"
            reductions.append(f"| {row} | {cells} |")
            print(reductions[-1], flush=True)
            if reduction == SHIPPED:
                shipped, words = answered, len(model.vocabulary)
        threshold = round(tune_one_threshold(shipped), 2)
        kept_words = {word for word, number in in_games.items() if number >= SHIPPED.games}
        description["threshold"] = threshold
        reduce.reduce_model(trained, args.out, kept_words, SHIPPED.store, description)
        write_card(args.out, shipped, threshold, valid, reductions,
                   {"words": words, "hours": hours, "train_games": train_games})  # fmt: skip


def write_card(
    folder: Path, shipped: Answered, threshold: float, valid: list[Match], reductions: list[str],
    facts: dict[str, object],
) -> None:  # fmt: skip
    """Write the card of the model in `folder` from its answers to the valid games."""
    seven = of_actions(shipped, ACTIONS)
    baseline = answer(valid, constant.load({"length_s": LENGTH_S}, None))
    rows = []
    for name, scored, actions in (("seven", seven, ACTIONS), ("all", shipped, ALL_ACTIONS)):
        cells = score(scored, cross_fit(scored))
        at_threshold = scored.answers.filter(pl.col("confidence") >= threshold)
        fixed = score(scored, at_threshold)
        constants = of_actions(baseline, actions)
        middle = score(constants, apply_tuned_thresholds(constants, constants))
        facts |= {
            name: f"{cells['many', bootstrap.ALL]} | {cells['one', bootstrap.ALL]}",
            f"{name}_fixed": f"{fixed['many', bootstrap.ALL]} | {fixed['one', bootstrap.ALL]}",
            f"{name}_constant": f"{middle['many', bootstrap.ALL]} | {middle['one', bootstrap.ALL]}",
        }
        if name == "all":
            events = dict(scored.truths.group_by("action").len().iter_rows())
            answers = dict(at_threshold.group_by("action").len().iter_rows())
            rows = [
                f"| {action_name(action)} | {events.get(action, 0):,} | {answers.get(action, 0):,} "
                f"| {fixed['many', action]} | {fixed['one', action]} |"
                for action in ALL_ACTIONS
            ]
    games = sorted(shipped.samples["match"].unique())[:CHECK_GAMES]
    checked = seven.of_matches(games)
    counts = count(
        checked.samples,
        checked.truths,
        checked.answers.filter(pl.col("confidence") >= threshold),
    )
    (value,) = bootstrap.resample_f1(counts, np.ones((1, len(games))))[
        "full", "many", bootstrap.ALL
    ]
    template = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    ).get_template("commentary_card.md.j2")
    card = template.render(
        facts, threshold=f"{threshold:.2f}".lstrip("0"), rows=rows, reductions=reductions,
        games=SHIPPED.games, megabytes=megabytes(folder), check_games=CHECK_GAMES,
        check_f1=f"{value:.4f}".lstrip("0"), settings=SETTINGS,
    )  # fmt: skip
    write_text(folder / "README.md", card)
    print(card)


if __name__ == "__main__":
    main()
