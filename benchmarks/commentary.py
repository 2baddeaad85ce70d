"""F1 of a text backend on SoccerNet's 100 valid games: the mean of several seeds, at several lengths of an answer.

    python benchmarks/commentary.py --soccernet DIR [--seeds 0 1 2] [--lengths 12 24 39]
        [--backend tcn] [--settings '{"networks": 1}'] [--folder DIR]

DIR is as for `make soccernet`. Trains on the 300 train games with the settings in config.yaml; every
valid game is judged by thresholds tuned on the other folds, as in metrics.csv. The interval is of the
bootstrap over games, of the mean over the seeds. The constant guess has answers of the same lengths.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import yaml
from tqdm import tqdm

from touchline import bootstrap, commentary, labels, sheet
from touchline.backends import Match, constant, load_module
from touchline.matching import answer_intervals, count, truth_intervals
from touchline.samples import collapse_loops, make_samples
from touchline.score import Answered, decide

CONFIG = yaml.safe_load((Path(__file__).parents[1] / "config.yaml").read_text(encoding="utf-8"))
METRICS = CONFIG["metrics"]


def read(folder: Path, split: str) -> Iterator[Match]:
    """Yield the games of a split, as the workflow's own functions read them."""
    pairs = sheet.read_pairs(folder / "half_lengths.csv", ["game", "half", "duration_s"])
    lengths = {(game, half): float(length_s) for game, half, length_s in pairs.iter_rows()}
    trees = folder / "SoccerNet", folder / "sn-echoes"
    versions = ["whisper_v1_en", "whisper_v1"]
    halves, _ = sheet.from_soccernet(*trees, sheet.soccernet_splits(), lengths, versions, [])
    games = halves.filter(split=split).group_by("match", maintain_order=True)
    for (name,), rows in tqdm(list(games), desc=f"reading {split}", unit="game"):
        durations_s = dict(rows.select("half", "duration_s").iter_rows())
        events, _ = labels.read_labels(rows["labels"][0], name, durations_s, CONFIG["labels"])
        spoken = rows.select("half", "commentary").drop_nulls()
        segments = [
            commentary.read_commentary(path, name, half)[0] for half, path in spoken.iter_rows()
        ]
        samples = make_samples(
            collapse_loops(pl.concat(segments)),
            durations_s,
            CONFIG["samples"]["actions"],
            **CONFIG["grid"],
        )
        yield Match(name, samples, events)


def named(match: Match, table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(match=pl.lit(match.name))


def counts(games: list[Match], model) -> pl.DataFrame:
    """Return what a model's answers count (columns `schema.SCORES`), at tuned thresholds."""
    samples = pl.concat(named(game, game.samples.drop("lines")) for game in games)
    truths = pl.concat(truth_intervals(named(game, game.samples), game.labels) for game in games)
    answers = pl.concat(answer_intervals(named(game, model.answer(game))) for game in games)
    answered = Answered(samples, truths, answers)
    return count(samples, truths, decide(answered, answered))


def row(name: str, length_s: float, scores: list[pl.DataFrame]) -> str:
    """Return a line of the table from the counts of each seed."""
    matches = scores[0]["match"].n_unique()
    draws = bootstrap.draw(matches, METRICS["resamples"], METRICS["seed"])
    cells = []
    for matching in ("many", "one"):
        key = "full", matching, bootstrap.ALL
        found = [bootstrap.resample(one, np.ones((1, matches)))[key][0] for one in scores]
        drawn = np.mean([bootstrap.resample(one, draws)[key] for one in scores], axis=0)
        low, high = bootstrap.bounds(drawn, matches, METRICS["level"])
        cells += [f"{np.mean(found):.3f}", f"{low:.3f} to {high:.3f}"]
        cells.append(", ".join(f"{one:.3f}" for one in found) if len(found) > 1 else "–")
    return f"| {name} | {length_s:g} s | " + " | ".join(cells) + " |"


def cpu_s() -> float:
    """Return the seconds of a core that this process and those that it started have used."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--soccernet", type=Path, required=True)
    parser.add_argument("--backend", default="tcn", help="(%(default)s)")
    parser.add_argument("--settings", type=json.loads, default={}, help="beside config.yaml's")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--lengths", type=float, nargs="+", default=[12, 24, 39], help="in seconds")
    parser.add_argument("--folder", type=Path, help="keeps the models here, and uses those there")
    args = parser.parse_args()
    backend = load_module(args.backend)
    with tempfile.TemporaryDirectory() as scratch:
        models = args.folder or Path(scratch)
        for seed in args.seeds:
            folder = models / str(seed)
            if not (folder / "model.json").exists():
                folder.mkdir(parents=True, exist_ok=True)
                began, before = time.monotonic(), cpu_s()
                settings = {**CONFIG["models"][args.backend], **args.settings, "seed": seed}
                backend.fit(read(args.soccernet, "train"), settings, folder, folder / "checkpoints")
                print(
                    f"seed {seed}: trained in {time.monotonic() - began:.0f} s, "
                    f"{(cpu_s() - before) / 60:.1f} core-minutes",
                    flush=True,
                )
        games = list(read(args.soccernet, "valid"))
        head = "F1, many | 95 % | seeds | F1, one | 95 % | seeds"
        print(f"\n| model | answers | {head} |\n| --- | --- |{' --- |' * 6}")
        for length_s in args.lengths:
            guess = constant.load({"length_s": length_s}, None)
            print(row("constant guess", length_s, [counts(games, guess)]))
            answering = [
                backend.load({"length_s": length_s}, models / str(seed)) for seed in args.seeds
            ]
            began = time.process_time()
            scores = [counts(games, model) for model in tqdm(answering, desc="answering")]
            used_s = (time.process_time() - began) / len(args.seeds) / len(games)
            print(row(args.backend, length_s, scores), flush=True)
        print(f"\nAnswering and scoring a game took {used_s:.2f} s of one core.")
    peak = max(
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    print(f"The largest process had {peak / 2**20:.2f} GiB.")


if __name__ == "__main__":
    main()
