"""F1 of a commentary backend on SoccerNet's 100 valid games, by seed and answer length.

    python benchmarks/commentary.py --soccernet DIR [--seeds 0 1 2] [--lengths 12 24 39]
        [--backend tcn] [--settings '{"ensemble_size": 1}'] [--folder DIR]
        [--commentary whisper_v1] [--further whisper_v2 whisper_v3]

With --further, several transcripts are trained on and answered from. DIR is as for `make soccernet`.
Trains on the 300 train games with the settings in config.yaml. The thresholds for a valid game are
tuned on the other folds, as in metrics.csv. The interval is the bootstrap's over games, of the mean
over the seeds. The constant baseline has answers of equal length. --ceiling adds how many events are
hit when every answer counts, by action.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from tqdm import tqdm

from tables import CONFIG, read_game, read_sheet
from touchline.data import commentary, matches, sheet
from touchline.evaluation import bootstrap
from touchline.evaluation.matching import answer_intervals, count, pairs, truth_intervals
from touchline.evaluation.score import Answered, apply_tuned_thresholds
from touchline.models import constant
from touchline.models.backend import Match
from touchline.models.catalogue import load_backend, load_trainer, settings_of

METRICS = CONFIG["metrics"]


def read_games(
    folder: Path,
    split: str,
    versions: Sequence[str] = ("whisper_v1_en", "whisper_v1"),
    further: Sequence[str] = (),
    **reading: object,
) -> Iterator[Match]:
    """Yield the games of a split, with these transcripts (see `tables.read_sheet`).

    `reading` are further arguments of `tables.read_game`.
    """
    halves = read_sheet(folder, sheet.soccernet_splits(), versions, further).filter(split=split)
    games = list(halves.group_by("match", maintain_order=True))
    for (name,), rows in tqdm(games, desc=f"reading {split}", unit="game"):
        cells = rows.to_dicts()
        others = {
            half["half"]: matches.transcripts_of(half["commentary"])[1:]
            for half in cells
            if half["commentary"]
        }
        durations_s = {half["half"]: half["duration_s"] for half in cells}
        lines, _ = commentary.read_further(others, name, durations_s)
        yield Match(name, *read_game(cells, **reading), further=lines)


def named(match: Match, table: pl.DataFrame) -> pl.DataFrame:
    """Return the table with the match's name as a column."""
    return table.with_columns(match=pl.lit(match.name))


def counts(games: list[Match], samples: pl.DataFrame, truths: pl.DataFrame, model) -> pl.DataFrame:
    """Return the counts of a model's answers (columns `schema.SCORES`) at tuned thresholds."""
    answers = pl.concat(answer_intervals(named(game, model.answer(game))) for game in games)
    answered = Answered(samples, truths, answers)
    return count(samples, truths, apply_tuned_thresholds(answered, answered))


def row(name: str, length_s: float, scores: list[pl.DataFrame]) -> str:
    """Return a line of the table from the counts of each seed."""
    matches = scores[0]["match"].n_unique()
    draws = bootstrap.draw_matches(matches, METRICS["resamples"], METRICS["seed"])
    cells = []
    for matching in ("many", "one"):
        key = "full", matching, bootstrap.ALL
        values = [bootstrap.resample_f1(table, np.ones((1, matches)))[key][0] for table in scores]
        drawn = np.mean([bootstrap.resample_f1(table, draws)[key] for table in scores], axis=0)
        low, high = bootstrap.percentile_interval(drawn, matches, METRICS["confidence_level"])
        cells += [f"{np.mean(values):.3f}", f"{low:.3f} to {high:.3f}"]
        cells.append(", ".join(f"{value:.3f}" for value in values) if len(values) > 1 else "–")
    return f"| {name} | {length_s:g} s | " + " | ".join(cells) + " |"


def ceiling(games: list[Match], truths: pl.DataFrame, models: list) -> pl.DataFrame:
    """Return the share of events that are hit when every answer counts, by action.

    `by_chance` is the share that the same answers hit in another game. Columns: action, events,
    answers (for each event), hit, by_chance; means over the models.
    """
    others = [game.name for game in games[1:] + games[:1]]
    swapped = pl.col("match").replace_strict([game.name for game in games], others)
    tables = []
    for model in models:
        answers = pl.concat(answer_intervals(named(game, model.answer(game))) for game in games)
        hits = [
            pairs(given, truths).select("action", "truth").unique().group_by("action").len(name)
            for name, given in (("hit", answers), ("by_chance", answers.with_columns(swapped)))
        ]
        counted = truths.group_by("action").len("events")
        for table in (answers.group_by("action").len("answers"), *hits):
            counted = counted.join(table, on="action", how="left")
        tables.append(counted.fill_null(0))
    total = pl.concat(tables).group_by("action").mean()
    total = pl.concat([total.sum().with_columns(action=pl.lit("all")), total.sort("action")])
    return total.with_columns(pl.col("answers", "hit", "by_chance") / pl.col("events"))


def cpu_s() -> float:
    """Return the CPU seconds of this process and its children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def main() -> None:
    """Train, answer and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--soccernet", type=Path, required=True)
    parser.add_argument("--backend", default="tcn", help="(%(default)s)")
    parser.add_argument("--settings", type=json.loads, default={}, help="beside config.yaml's")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument(
        "--commentary", nargs="+", default=["whisper_v1_en", "whisper_v1"], help="(%(default)s)"
    )
    parser.add_argument("--further", nargs="+", default=[], help="versions beside it")
    parser.add_argument("--lengths", type=float, nargs="+", default=[12, 24, 39], help="in seconds")
    parser.add_argument("--folder", type=Path, help="keeps the models here, and uses those there")
    parser.add_argument(
        "--ceiling", action="store_true", help="hits without a threshold, by action"
    )
    args = parser.parse_args()
    entry = settings_of(CONFIG["models"][args.backend], CONFIG["labels"])
    backend, heard = load_backend(args.backend), (args.commentary, args.further)
    with tempfile.TemporaryDirectory() as scratch:
        models = args.folder or Path(scratch)
        for seed in args.seeds:
            folder = models / str(seed)
            if not (folder / "model.json").exists():
                folder.mkdir(parents=True, exist_ok=True)
                began, before = time.monotonic(), cpu_s()
                settings = {**entry, **args.settings, "seed": seed}
                load_trainer(args.backend).fit(
                    read_games(args.soccernet, "train", *heard),
                    settings,
                    folder,
                    folder / "checkpoints",
                )
                print(
                    f"seed {seed}: trained in {time.monotonic() - began:.0f} s, "
                    f"{(cpu_s() - before) / 60:.1f} core-minutes",
                    flush=True,
                )
        games = list(read_games(args.soccernet, "valid", *heard))
        samples = pl.concat(named(game, game.samples.drop("lines")) for game in games)
        truths = pl.concat(
            truth_intervals(named(game, game.samples), game.labels) for game in games
        )
        valid = games, samples, truths
        head = "F1, many | 95 % | seeds | F1, one | 95 % | seeds"
        print(f"\n| model | answers | {head} |\n| --- | --- |{' --- |' * 6}")
        for length_s in args.lengths:
            baseline = constant.load({"length_s": length_s}, None)
            print(row("constant baseline", length_s, [counts(*valid, baseline)]))
            trained = [
                backend.load({**entry, **args.settings, "length_s": length_s}, models / str(seed))
                for seed in args.seeds
            ]
            began = time.process_time()
            scores = [counts(*valid, model) for model in tqdm(trained, desc="answering")]
            used_s = (time.process_time() - began) / len(args.seeds) / len(games)
            print(row(args.backend, length_s, scores), flush=True)
            if args.ceiling:
                print(ceiling(games, truths, trained).write_csv(float_precision=3), flush=True)
        print(f"\nAnswering and scoring a game took {used_s:.2f} s of one core.")
    peak = max(
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    print(f"The largest process had {peak / 2**20:.2f} GiB.")


if __name__ == "__main__":
    main()
