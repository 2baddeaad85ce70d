"""The demo's fused model on twelve further matches: F1 beside that of each of its parents.

    python benchmarks/demo_fused.py --adapter demo/results/models/qwen2-vl --folder DIR

--adapter is the demo's `qwen2-vl` (`make demo`). The matches are those of demo_answers.py. The parents
are the demo's: `commentary`, `scoreboard` and `qwen2-vl`, which answers from the distribution of its
answers. The score is read in videos of two frames a second, which --folder keeps with the readings.
`fused` is fitted across folds of the twelve. Prints F1 (every chunk, many-to-many) with the demo's
threshold and with thresholds tuned on the other folds, and the paired interval of the differences.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import polars as pl
import torch

from commentary import METRICS, named
from demo_answers import FURTHER, FURTHER_SEED, HALF_S, Drawn, draw_matches, read_configuration
from tables import CONFIG
from touchline.core import schema
from touchline.demo import demo_matches
from touchline.demo.broadcast import sound
from touchline.demo.broadcast.script import HALVES
from touchline.demo.drawing import film
from touchline.demo.drawing.scene import draw
from touchline.evaluation import bootstrap, matching
from touchline.evaluation.score import Answered, apply_tuned_thresholds
from touchline.models import catalogue, scoreboard
from touchline.models.backend import Match
from touchline.models.fusion import fused, fused_fit
from touchline.models.lm import loader
from touchline.models.lm.answering import Spotter
from touchline.models.lm.lm_settings import DISTRIBUTION
from touchline.models.lm.tokenize import Encoder, to_chunk
from touchline.scoreboard import scoreboard as reading
from touchline.video.chunk_store import group_by_chunk

FRAMES_PER_S = 2
PARENTS = ["commentary", "scoreboard", "qwen2-vl"]
THRESHOLD = 0.3  # of the demo's fused model and qwen2-vl


def read_score(drawn: Drawn, half: int, folder: Path) -> Path:
    """Return the readings of the score in a half, whose video is drawn and read where they lack."""
    video = folder / f"{drawn.match.name}_{half}.mkv"
    out = video.with_suffix(".parquet")
    if not out.exists():
        frames = (
            av.VideoFrame.from_ndarray(
                draw(drawn.game.script, half, number / FRAMES_PER_S, film.SIZE), "rgb24"
            )
            for number in range(round(HALF_S * FRAMES_PER_S))
        )
        silence = np.zeros(round(HALF_S * sound.RATE), np.float32)
        film.encode(video, frames, [silence], film.SIZE, FRAMES_PER_S)
        reading.write_readings(video, out, reading.Settings(half=half, match=drawn.match.name))
    return out


def answer(study: list[Drawn], adapter: Path, folder: Path) -> dict[str, list[pl.DataFrame]]:
    """Return the answers of each parent to each match."""
    settings, actions, labels, _ = read_configuration()
    base, processor = loader.load_base(settings.base, settings.quantize, "cpu", vision=True)
    encoder = Encoder(base, processor, actions, settings.prompt)
    model = loader.load_adapter(base, settings.base, adapter)
    spotter = Spotter(model, encoder, replace(settings, answers=DISTRIBUTION))
    entry = catalogue.settings_of(CONFIG["models"]["commentary"], labels)
    words = catalogue.load_backend("tcn").load(entry, None)
    score = scoreboard.load({}, None)
    answers: dict[str, list[pl.DataFrame]] = {name: [] for name in PARENTS}
    for drawn in study:
        boards = [read_score(drawn, half, folder) for half in HALVES]
        rows = [
            row
            for chunk in group_by_chunk(drawn.match.samples).iter_rows(named=True)
            for row in spotter.answer_chunk(
                drawn.with_frames(to_chunk(drawn.match.name, chunk)), chunk["actions"]
            )
        ]
        answers["commentary"].append(words.answer(drawn.match))
        answers["scoreboard"].append(score.answer(drawn.match._replace(scoreboards=boards)))
        answers["qwen2-vl"].append(pl.DataFrame(rows, schema.PREDICTIONS))
    return answers


def join(matches: list[Match], answers: dict[str, list[pl.DataFrame]]) -> list[pl.DataFrame]:
    """Return the joined answers to each match, by the fit to the other folds."""
    study = [
        match._replace(answers={name: answers[name][number] for name in PARENTS})
        for number, match in enumerate(matches)
    ]
    with tempfile.TemporaryDirectory() as folder:
        fused_fit.fit(study, {"parents": PARENTS}, Path(folder), Path(folder))
        model = fused.load({"parents": PARENTS, "length_s": 12.0}, Path(folder))
        return [model.answer(match) for match in study]


def main() -> None:
    """Answer, join and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--adapter", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="for videos and readings")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    _, actions, labels, _ = read_configuration()
    games = demo_matches.games(FURTHER, HALF_S, FURTHER_SEED)
    study = draw_matches("further", games, actions, labels)
    matches = [drawn.match for drawn in study]
    answers = answer(study, args.adapter, args.folder)
    answers["fused"] = join(matches, answers)
    samples = pl.concat(named(match, match.samples.drop("lines")) for match in matches)
    truths = pl.concat(matching.truth_intervals(named(m, m.samples), m.events) for m in matches)
    ways = ("tuned", str(THRESHOLD))
    scores: dict[str, dict[str, pl.DataFrame]] = {way: {} for way in ways}
    for name, tables in answers.items():
        pairs = zip(matches, tables, strict=True)
        found = pl.concat(matching.answer_intervals(named(match, table)) for match, table in pairs)
        answered = Answered(samples, truths, found)
        likely = found.filter(pl.col("confidence") >= THRESHOLD)
        for way, kept in zip(
            ways, (apply_tuned_thresholds(answered, answered), likely), strict=True
        ):
            scores[way][name] = matching.count(samples, truths, kept)
    print(f"{len(truths)} events\n| model | threshold | F1 | fused minus it | 95 % |")
    for way, of_model in scores.items():
        differences = bootstrap.differences_of(
            [("fused", name) for name in PARENTS], of_model, METRICS["resamples"], METRICS["seed"],
            METRICS["confidence_level"],
        ).filter(protocol="full", matching="many", action="all")  # fmt: skip
        for name, table in of_model.items():
            f1 = bootstrap.resample_f1(table, np.ones((1, len(matches))))["full", "many", "all"][0]
            rows = differences.filter(other=name).select("difference", "low", "high").rows()
            cells = [f"{value:+.3f}" for value in (rows[0] if rows else ())]
            print(f"| {name} | {way} | {f1:.3f} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
