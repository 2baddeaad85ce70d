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
from touchline.data.samples import collapse_loops, make_samples
from touchline.evaluation.matching import answer_intervals
from touchline.models import catalogue
from touchline.models.backend import Match
from touchline.own.join import GOAL, LEAST_LAG_S, MOST_LAG_S, SeenGoal, join

MODEL = "commentary"


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
    alone: list[float] = []
    joined: list[float] = []
    confirmed: list[tuple[float, float]] = []
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
        samples = make_samples(lines, durations, [GOAL], 60.0, 0.0)
        answers = answer_intervals(
            model.answer(Match(game, samples)).with_columns(match=pl.lit(game))
        )
        events, _ = read_labels(labels, game, durations, {"Goal": GOAL})
        for half, time_s in events.select("half", "time_s").iter_rows():
            seen_s = time_s + rng.uniform(LEAST_LAG_S, MOST_LAG_S)
            goal = SeenGoal(half, seen_s - 1.0, seen_s, "home", (0, 0), (1, 0), 0.9)
            without, _ = join(answers.clear(), [goal], [], durations, game)
            table, _ = join(answers, [goal], [], durations, game)
            scored = table.filter(pl.col("team") == "home")
            errors = [
                abs(one.select((pl.col("start_s") + pl.col("end_s")) / 2).item() - time_s)
                for one in (without, scored)
            ]
            alone.append(errors[0])
            joined.append(errors[1])
            if scored["confidence"].item() > goal.confidence:
                confirmed.append((errors[0], errors[1]))
    rows = {
        "score alone": alone,
        "score and commentary": joined,
        "  goals that the commentary confirms, score alone": [pair[0] for pair in confirmed],
        "  goals that the commentary confirms, with it": [pair[1] for pair in confirmed],
    }
    for name, values in rows.items():
        median, late = np.percentile(values, [50, 90])
        print(f"{name:50} {len(values):4} goals, error {median:.1f} s (90 %: {late:.1f} s)")


if __name__ == "__main__":
    main()
