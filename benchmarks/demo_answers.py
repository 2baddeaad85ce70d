"""Both ways to answer and to train, on the demo's matches and on twelve others.

    python benchmarks/demo_answers.py [--objectives tokens match] [--learning-rate 5e-4]
        [--match-weight 1] [--further 12]

Fine-tunes `touchline:qwen2-vl` with the demo's settings on its three train matches by the production
path, once for each training objective. The base as it is and the fine-tuned models then answer the
demo's two test matches and twelve further ones, as text and from the distribution of their answers.
Frames are drawn, and not encoded in between. Prints F1 (every chunk, many-to-many) with no threshold,
with that of config.yaml and with thresholds tuned on the demo's valid match, the number of points of
the precision-recall curve and the area under it, and how well confidences are calibrated.
"""

import argparse
import functools
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import torch
import yaml
from PIL import Image

from touchline.core import schema
from touchline.data.samples import make_samples
from touchline.demo import demo_matches
from touchline.demo.broadcast.script import HALVES
from touchline.demo.demo_matches import Game
from touchline.demo.drawing.scene import draw
from touchline.demo.footage import DRAWN_SIZE, FRAME_S, FRAME_SIZE
from touchline.evaluation import breakdowns, matching, thresholds
from touchline.evaluation.bootstrap import f1
from touchline.evaluation.score import Answered, tune_on
from touchline.models import catalogue
from touchline.models.backend import Match
from touchline.models.lm import loader
from touchline.models.lm.answering import Spotter
from touchline.models.lm.finetuning import trainer
from touchline.models.lm.finetuning.dataset import TrainingSet, select_training_items
from touchline.models.lm.lm_settings import (
    DISTRIBUTION,
    MATCH,
    TEXT,
    TOKENS,
    LanguageModelSettings,
    parse_settings,
)
from touchline.models.lm.loader import LanguageModel
from touchline.models.lm.tokenize import Chunk, Encoder, to_chunk
from touchline.video.chunk_store import group_by_chunk

ROOT = Path(__file__).parents[1]
HALF_S = 180.0
FURTHER, FURTHER_SEED = 12, 2  # as in demo_bases.py
FEW = 20  # a bin of the reliability diagram with fewer answers is not quoted


def read_configuration() -> tuple[LanguageModelSettings, list[str], dict[str, str], float]:
    """Return the demo's settings of `qwen2-vl`, the actions, the labels and the threshold."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    study = yaml.safe_load((ROOT / "profiles/demo/study.yaml").read_text())
    entry, changes = config["models"]["qwen2-vl"], study["models"]["qwen2-vl"]
    for name, value in changes.items():
        entry[name] = entry[name] | value if isinstance(value, dict) else value
    settings = parse_settings(catalogue.settings_of(entry, config["labels"]))
    training = replace(settings.training, dataloader_workers=0)
    return (
        replace(settings, training=training, device="cpu"),
        config["samples"]["actions"],
        config["labels"],
        entry["threshold"],
    )


@dataclass(frozen=True)
class Drawn:
    """A game, its match for models, and the frames of its chunks when they are asked for."""

    game: Game
    match: Match

    def with_frames(self, chunk: Chunk) -> Chunk:
        """Return a chunk with its frames."""
        times_s = np.arange(chunk.start_s, chunk.end_s, FRAME_S)
        frames = np.stack(
            [_frame(self.game.script, chunk.half, time_s) for time_s in times_s.tolist()]
        )
        return replace(chunk, frames={"broadcast": frames}, frame_s=times_s.tolist())


@functools.cache
def _frame(script: demo_matches.Script, half: int, time_s: float) -> np.ndarray:
    picture = Image.fromarray(draw(script, half, time_s, DRAWN_SIZE))
    return np.asarray(picture.resize(FRAME_SIZE, Image.Resampling.BICUBIC))


def draw_matches(
    name: str, games: list[Game], actions: list[str], labels: dict[str, str]
) -> list[Drawn]:
    """Return the matches of games, with samples of these actions."""
    drawn = []
    for number, game in enumerate(games):
        lines = [
            (half, *line)
            for half in HALVES
            for line in demo_matches.commentary(game.script, half)["segments"].values()
        ]
        samples = make_samples(
            pl.DataFrame(lines, schema.COMMENTARY, orient="row"),
            dict.fromkeys(HALVES, HALF_S),
            actions,
            60.0,
            0.0,
        )
        events = [
            (event.half, event.time_s, labels[event.label], event.label, None, event.visibility)
            for event in game.script.events
            if event.label in labels
        ]
        table = pl.DataFrame(events, schema.LABELS, orient="row")
        drawn.append(Drawn(game, Match(f"{name} {number}", samples, table)))
    return drawn


def fine_tune(
    study: list[Drawn], settings: LanguageModelSettings, actions: list[str], adapter: Path
) -> None:
    """Fine-tune the base on matches and write the adapter."""
    by_name = {drawn.match.name: drawn for drawn in study}
    items = select_training_items(
        [drawn.match for drawn in study],
        settings.prompt,
        settings.negative_fraction,
        settings.training.seed,
    )
    examples = TrainingSet(items, lambda chunk: by_name[chunk.match].with_frames(chunk))
    model, processor = loader.load_base(settings.base, settings.quantize, "cpu", vision=True)
    encoder = Encoder(model, processor, actions, settings.prompt)
    adapted = loader.add_adapter(model, settings.lora, settings.training.seed)
    with tempfile.TemporaryDirectory() as checkpoints:
        trainer.train(adapted, encoder, examples, settings.training, Path(checkpoints))
    loader.save_adapter(adapted, settings.base, adapter)


def answered(
    model: LanguageModel, encoder: Encoder, settings: LanguageModelSettings, study: list[Drawn]
) -> Answered:
    """Return the samples, truths and answers of matches."""
    spotter = Spotter(model, encoder, settings)
    samples, truths, answers = [], [], []
    for drawn in study:
        name = pl.lit(drawn.match.name).alias("match")
        rows = [
            row
            for chunk in group_by_chunk(drawn.match.samples).iter_rows(named=True)
            for row in spotter.answer_chunk(
                drawn.with_frames(to_chunk(drawn.match.name, chunk)), chunk["actions"]
            )
        ]
        table = drawn.match.samples.select(name, "half", "chunk", "action", "start_s", "end_s")
        samples.append(table)
        truths.append(matching.truth_intervals(table, drawn.match.events.with_columns(name)))
        predictions = pl.DataFrame(rows, schema.PREDICTIONS).with_columns(name)
        answers.append(matching.answer_intervals(predictions))
    return Answered(pl.concat(samples), pl.concat(truths), pl.concat(answers))


def score(given: Answered, answers: pl.DataFrame) -> float:
    """Return the F1 of answers over all chunks, many-to-many."""
    counts = matching.count(given.samples.select(matching.SAMPLE), given.truths, answers)
    pooled = counts.filter(protocol="full", matching="many")
    return f1(*pooled.select(pl.col("tp", "fp", "fn").sum()).row(0))


def describe(given: Answered, valid: Answered, threshold: float) -> list[str]:
    """Return the cells of a row: F1 with each threshold, the curve, and the calibration."""
    tuned = thresholds.apply_thresholds(given.answers, tune_on(valid))
    likely = given.answers.filter(pl.col("confidence") >= threshold)
    curve = breakdowns.precision_recall(given.answers, given.truths).filter(action=schema.ALL)
    recall = np.concatenate([[0.0], curve["recall"].to_numpy()])
    area = float((np.diff(recall) * curve["precision"].to_numpy()).sum())
    bins = breakdowns.reliability(given.answers, given.truths)
    bins = bins.with_columns(gap=(pl.col("confidence") - pl.col("matched")).abs())
    mean = (bins["gap"] * bins["answers"]).sum() / bins["answers"].sum()
    most = bins.filter(pl.col("answers") >= FEW)["gap"].max()
    f1s = [score(given, answers) for answers in (given.answers, likely, tuned)]
    points = given.answers["confidence"].n_unique()
    return [
        *(f"{value:.3f}" for value in f1s),
        f"{points}",
        f"{area:.3f}",
        f"{mean:.3f}",
        "–" if most is None else f"{most:.3f}",
    ]


def print_bins(name: str, given: Answered) -> None:
    """Print the reliability diagram of a model as a line."""
    bins = breakdowns.reliability(given.answers, given.truths)
    cells = [
        f"{confidence:.2f}→{matched:.2f} ({answers})"
        for answers, confidence, matched in bins.select(
            "answers", "confidence", "matched"
        ).iter_rows()
    ]
    print(f"{name}: {', '.join(cells)}", flush=True)


def main() -> None:
    """Train, answer and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objectives", nargs="*", choices=(TOKENS, MATCH), default=[TOKENS, MATCH])
    parser.add_argument("--learning-rate", type=float, help="default: the demo's")
    parser.add_argument("--match-weight", type=float, help="default: the demo's")
    parser.add_argument("--further", type=int, default=FURTHER, help="matches (%(default)s)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    settings, actions, labels, threshold = read_configuration()
    demo = draw_matches("demo", demo_matches.games(6, HALF_S, 1), actions, labels)
    further = demo_matches.games(args.further, HALF_S, FURTHER_SEED)
    sets = {
        split: [drawn for drawn in demo if drawn.game.split == split]
        for split in ("train", "valid", "test")
    } | {"further": draw_matches("further", further, actions, labels)}
    with tempfile.TemporaryDirectory() as folder:
        adapters: dict[str, Path | None] = {"zero-shot": None}
        # bitsandbytes on a CPU cannot train in a process that has already answered.
        for objective in args.objectives:
            adapters[objective] = Path(folder) / objective
            (Path(folder) / objective).mkdir()
            training = replace(
                settings.training,
                objective=objective,
                learning_rate=args.learning_rate or settings.training.learning_rate,
                match_weight=(
                    settings.training.match_weight
                    if args.match_weight is None
                    else args.match_weight
                ),
            )
            fine_tune(
                sets["train"],
                replace(settings, training=training),
                actions,
                Path(folder) / objective,
            )
        print("| model | answers | matches, events | F1, none | F1, threshold | F1, tuned | "
              "confidences | area | mean gap | largest gap |")  # fmt: skip
        for name, adapter in adapters.items():
            base, processor = loader.load_base(settings.base, settings.quantize, "cpu", vision=True)
            encoder = Encoder(base, processor, actions, settings.prompt)
            model = loader.load_adapter(base, settings.base, adapter) if adapter else base
            for answers in (TEXT, DISTRIBUTION):
                way = replace(settings, answers=answers)
                given = {
                    of: answered(model, encoder, way, sets[of])
                    for of in ("valid", "test", "further")
                }
                for of in ("test", "further"):
                    cells = describe(given[of], given["valid"], threshold)
                    events = f"{of}, {len(given[of].truths)}"
                    print(f"| {' | '.join([name, answers, events, *cells])} |", flush=True)
                print_bins(f"{name}, {answers}, further", given["further"])


if __name__ == "__main__":
    main()
