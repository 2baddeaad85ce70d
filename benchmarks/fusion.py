"""F1 of models joined on SoccerNet's 100 valid games, beside that of each, and the time it takes.

    python benchmarks/fusion.py --soccernet DIR [--folder DIR]

DIR is as for `make soccernet`. The parents are `linear`, trained on the train games, the model
`commentary`, and a made-up video system: it spots three in five of the events, 1.5 s early or late
(standard deviation), and others that are none, half as many as there are events; its confidences
tell something. It publishes them as `results_spotting.json`. The joined models are fitted across
folds of the valid games, and thresholds are tuned on the other folds, as in metrics.csv.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from commentary import named, read_games
from tables import ACTIONS, CONFIG
from touchline.data import spotting_json
from touchline.evaluation import bootstrap, breakdowns
from touchline.evaluation.matching import answer_intervals, count, truth_intervals
from touchline.evaluation.score import Answered, apply_tuned_thresholds
from touchline.models import catalogue, external
from touchline.models.backend import Match
from touchline.models.fusion import fused, fused_fit

FOUND, NOISE_S, FALSE_SHARE = 0.6, 1.5, 0.5
JOINED = {
    "linear + commentary": ["linear", "commentary"],
    "all three": ["linear", "commentary", "video"],
}


def make_up_spots(match: Match, per_game: dict[str, float], seed: int) -> pl.DataFrame:
    """Return the made-up system's spots; `per_game` are the events of each action in a game."""
    random = np.random.default_rng([1, seed])
    ends_s = match.samples.group_by("half").agg(pl.col("end_s").max()).sort("half")
    rows: list[tuple[int, float, str, float]] = []
    for half, end_s in ends_s.iter_rows():
        for action in ACTIONS:
            events = match.events.filter(half=half, action=action)["time_s"].to_numpy()
            true_s = events[random.random(len(events)) < FOUND]
            true_s = true_s + random.normal(0, NOISE_S, len(true_s))
            false = random.poisson(FALSE_SHARE * per_game[action] / len(ends_s))
            for times_s, shape in ((true_s, (3, 2)), (random.uniform(0, end_s, false), (2, 3))):
                spots = zip(
                    np.clip(times_s, 0, end_s - 1), random.beta(*shape, len(times_s)), strict=True
                )
                rows += [(half, float(time_s), action, float(sure)) for time_s, sure in spots]
    return pl.DataFrame(rows, spotting_json.SPOTS, orient="row")


def parents(soccernet: Path, folder: Path, games: list[Match]) -> dict[str, list[pl.DataFrame]]:
    """Return the answers of each parent to each game."""
    if not (folder / "linear" / "model.json").exists():
        (folder / "linear").mkdir(parents=True, exist_ok=True)
        settings = catalogue.settings_of(CONFIG["models"]["linear"], CONFIG["labels"])
        train = read_games(soccernet, "train")
        catalogue.load_trainer("linear").fit(train, settings, folder / "linear", folder)
    answers = {}
    for model in ("linear", "commentary"):
        entry = CONFIG["models"][model]
        settings = catalogue.settings_of(entry, CONFIG["labels"])
        trained = folder / model if catalogue.is_trained(entry) else None
        loaded = catalogue.load_backend(entry["backend"]).load(settings, trained)
        answers[model] = [loaded.answer(game) for game in games]
    counts = pl.concat(game.events for game in games).group_by("action").len()
    per_game = {action: number / len(games) for action, number in counts.iter_rows()}
    with tempfile.TemporaryDirectory() as published:
        for seed, game in enumerate(games):
            spots = make_up_spots(game, per_game, seed)
            spotting_json.write_spots(Path(published), game.name, spots)
        labels = {action: action for action in ACTIONS}
        video = external.load({"path": published, "labels": labels}, None)
        answers["video"] = [video.answer(game) for game in games]
    return answers


def join(names: list[str], games: list[Match], answers: dict[str, list[pl.DataFrame]]) -> list:
    """Return the joined answers to each game, and print the CPU seconds."""
    study = [
        game._replace(answers={name: answers[name][number] for name in names})
        for number, game in enumerate(games)
    ]
    with tempfile.TemporaryDirectory() as name:
        began = time.process_time()
        fused_fit.fit(study, {"parents": names}, Path(name), Path(name))
        fitted = time.process_time()
        model = fused.load({"parents": names, "length_s": 12.0}, Path(name))
        joined = [model.answer(game) for game in study]
        print(
            f"{', '.join(names)}: {len(games)} games fitted in {fitted - began:.1f} s and answered "
            f"in {time.process_time() - fitted:.1f} s of CPU"
        )
    return joined


def main() -> None:
    """Answer, join, and print F1 by action with the paired intervals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--soccernet", type=Path, required=True)
    parser.add_argument("--folder", type=Path, help="keeps the trained model")
    args = parser.parse_args()
    games = list(read_games(args.soccernet, "valid"))
    with tempfile.TemporaryDirectory() as scratch:
        answers = parents(args.soccernet, args.folder or Path(scratch), games)
    answers |= {name: join(names, games, answers) for name, names in JOINED.items()}
    samples = pl.concat(named(game, game.samples.drop("lines")) for game in games)
    truths = pl.concat(truth_intervals(named(game, game.samples), game.labels) for game in games)
    scores = {}
    for name, tables in answers.items():
        pairs = zip(games, tables, strict=True)
        found = pl.concat(answer_intervals(named(game, table)) for game, table in pairs)
        answered = Answered(samples, truths, found)
        scores[name] = count(samples, truths, apply_tuned_thresholds(answered, answered))
        if name in JOINED:
            bins = breakdowns.reliability(found, truths).select("confidence", "matched").iter_rows()
            print(f"{name}: " + ", ".join(f"{sure:.2f}/{right:.2f}" for sure, right in bins))
    print(
        f"\n| model | matching | all | {' | '.join(ACTIONS)} |\n| --- |{' --- |' * (2 + len(ACTIONS))}"
    )
    once = np.ones((1, len(games)))
    for name, table in scores.items():
        f1 = bootstrap.resample_f1(table, once)
        for matching in ("many", "one"):
            cells = [f"{f1['full', matching, action][0]:.3f}" for action in ("all", *ACTIONS)]
            print(f"| {name} | {matching} | {' | '.join(cells)} |")
    added = [(name, parent) for name, names in JOINED.items() for parent in names]
    settings = CONFIG["metrics"]
    table = bootstrap.differences_of(
        added, scores, settings["resamples"], settings["seed"], settings["confidence_level"]
    )
    for row in table.filter(protocol="full", action="all").iter_rows(named=True):
        print(
            f"{row['model']} − {row['other']}, {row['matching']}: {row['difference']:+.3f} "
            f"({row['low']:+.3f} to {row['high']:+.3f})"
        )


if __name__ == "__main__":
    main()
