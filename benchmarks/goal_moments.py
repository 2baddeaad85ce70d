"""When a goal was: the error of its moment by the score alone, and by the commentary before the change.

    python benchmarks/goal_moments.py --soccernet DATA

REQUIRES real labels and commentary, as `make soccernet` takes them.
PRODUCES a line for each kind of moment: goals, median and 90th percentile of its error in seconds. No
    score bug is read: the score of each labelled goal changes 3 to 18 s after it, drawn uniformly.
"""

import argparse
import random
from pathlib import Path

import numpy as np
import polars as pl

from touchline.core.config import WORKFLOW, read_yaml
from touchline.core.problems import MATCH_SET_ASIDE
from touchline.data.commentary import read_commentary
from touchline.data.labels import read_labels
from touchline.data.loops import collapse_loops
from touchline.data.samples import make_samples
from touchline.evaluation.matching import answer_intervals
from touchline.models import catalogue
from touchline.models.backend import Match
from touchline.models.scoreboard import GOAL
from touchline.own.join import LEAST_LAG_S, MOST_LAG_S, SeenGoal, join
from touchline.own.scores import HEARD_AFTER_S, HEARD_BEFORE_S

MODEL = "commentary"
HEARD = ("the score alone", "what is said near the change", "all commentary")


def main() -> None:
    """Print the errors over the goals of the valid games."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--soccernet", type=Path, required=True, metavar="DATA")
    parser.add_argument("--split", default="valid")
    args = parser.parse_args()
    from SoccerNet.utils import getListGames

    config = read_yaml(WORKFLOW.parent / "config.yaml", "config")
    entry = config["models"][MODEL]
    backend = catalogue.load_backend(entry["backend"])
    model = backend.load(catalogue.settings_of(entry, config["labels"]), None)
    lengths = pl.read_csv(args.soccernet / "half_lengths.csv")
    rng = random.Random(0)
    # Errors in seconds, and whether the commentary confirms the goal, by what was heard.
    errors: dict[str, list[tuple[float, bool]]] = {name: [] for name in HEARD}
    for game in getListGames(args.split):
        durations = dict(lengths.filter(game=game).select("half", "duration_s").iter_rows())
        folder = args.soccernet / "sn-echoes/Dataset/whisper_v1_en" / game
        files = {half: folder / f"{half}_asr.json" for half in durations}
        labels = args.soccernet / "SoccerNet" / game / "Labels-v2.json"
        if not durations or not labels.is_file() or not all(map(Path.is_file, files.values())):
            continue
        read = [read_commentary(path, game, half) for half, path in files.items()]
        if any(one.effect == MATCH_SET_ASIDE for _, problems in read for one in problems):
            continue
        lines = collapse_loops(pl.concat(table for table, _ in read))
        events, _ = read_labels(labels, game, durations, {"Goal": GOAL})
        goals = [
            (time_s, SeenGoal(half, seen_s - 1.0, seen_s, "home", (0, 0), (1, 0), 0.9))
            for half, time_s in events.select("half", "time_s").iter_rows()
            for seen_s in [time_s + rng.uniform(LEAST_LAG_S, MOST_LAG_S)]
        ]
        if not goals:
            continue
        near = pl.any_horizontal(
            (pl.col("half") == goal.half)
            & pl.col("start_s").is_between(
                goal.earliest_s - HEARD_BEFORE_S, goal.time_s + HEARD_AFTER_S
            )
            for _, goal in goals
        )
        heard = [lines.clear(), lines.filter(near), lines]
        for name, part in zip(HEARD, heard, strict=True):
            samples = make_samples(part, durations, [GOAL], 60.0, 0.0)
            predictions = model.answer(Match(game, samples)).with_columns(match=pl.lit(game))
            answers = answer_intervals(predictions)
            for time_s, goal in goals:
                table, _ = join(answers, [goal], [], durations, game)
                row = table.filter(pl.col("team") == "home").row(0, named=True)
                error_s = abs((row["start_s"] + row["end_s"]) / 2 - time_s)
                errors[name].append((error_s, row["confidence"] > goal.confidence))
    for name, values in errors.items():
        median, late = np.percentile([error_s for error_s, _ in values], [50, 90])
        confirmed = sum(is_confirmed for _, is_confirmed in values)
        print(
            f"{name:30} {len(values):4} goals, {confirmed:4} confirmed, error {median:.1f} s "
            f"(90 %: {late:.1f} s)"
        )


if __name__ == "__main__":
    main()
