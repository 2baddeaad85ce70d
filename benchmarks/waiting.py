"""Data wait in training: its share of a step, with prefetching and without.

    python benchmarks/waiting.py [--steps 6] [--hidden 256] [--layers 4]

NF4 + LoRA by `touchline.models.lm.finetuning.trainer` on chunk files of 60 frames of 224 × 398 px,
each decoded when it is read, with 15 commentary lines and seven questions, on a Qwen2-VL with
random weights. Runs once without and once with two processes that load data.
"""

import argparse
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import polars as pl
import torch

from prefix import ACTIONS, WORDS, make_chunk
from touchline.core import schema
from touchline.core.files import checksum
from touchline.demo import tiny_models
from touchline.models.lm import lm_settings, loader
from touchline.models.lm.finetuning import trainer
from touchline.models.lm.finetuning.collator import Collator
from touchline.models.lm.finetuning.dataset import TrainingItem, TrainingSet
from touchline.models.lm.lm_settings import TrainingSettings
from touchline.models.lm.tokenize import Encoder, to_chunk
from touchline.prompts.prompt_text import PromptSettings, format_question, format_system_prompt
from touchline.video.chunk_store import ChunkStore
from touchline.video.encoder import open_encoder as video_encoder

FRAMES, WIDTH, HEIGHT = 60, 398, 224


def film(folder: Path, chunks: int) -> Path:
    """Write `chunks` minutes of moving stripes with noise; return their manifest."""
    generator = np.random.default_rng(0)
    across, down = np.arange(WIDTH)[None, :, None], np.arange(HEIGHT)[:, None, None]
    rows = []
    for number in range(chunks):
        pictures = []
        for second in range(FRAMES):
            stripes = 128 + 80 * np.sin((across + down + 9 * second) / np.array([13.0, 21.0, 34.0]))
            grain = generator.normal(0, 12, (HEIGHT, WIDTH, 1))
            pictures.append(np.clip(stripes + grain, 0, 255).astype(np.uint8))
        frames = [
            av.VideoFrame.from_ndarray(picture).reformat(format="yuv420p") for picture in pictures
        ]
        path = folder / f"{number:03d}.mkv"
        with video_encoder(path, Fraction(1), frames[0]) as encode:
            for place, frame in enumerate(frames):
                encode(place, frame)
        start_s = 60.0 * number
        times_s = [start_s + second for second in range(FRAMES)]
        video = (path.name, checksum(path), "", "")
        rows.append((1, number, start_s, start_s + 60, *video, times_s))
    manifest = folder / "1.parquet"
    schema.write(manifest, pl.DataFrame(rows, schema=schema.CHUNKS, orient="row"), schema.CHUNKS)
    return manifest


def training_set(manifest: Path, settings: lm_settings.LanguageModelSettings) -> TrainingSet:
    """Return the chunks of a manifest with seven questions each."""
    lines = make_chunk(2, 56, 56).lines
    answers = dict.fromkeys(ACTIONS, "A Foul occurs at (00:12, 00:24).")
    rows = schema.read(manifest, schema.CHUNKS).iter_rows(named=True)
    listed = [TrainingItem(to_chunk("a_match", row | {"lines": lines}), answers) for row in rows]
    store = ChunkStore([manifest])
    return TrainingSet(listed, lambda chunk: lm_settings.with_frames(chunk, store, settings))


def measure(folder: Path, examples: TrainingSet, steps: int, workers: int) -> dict[str, float]:
    """Train, and return the medians of all steps but the first two."""
    model, processor = loader.load_base(str(folder), "nf4", "auto", vision=True)
    encoder = Encoder(model, processor, ACTIONS, PromptSettings())
    collator = Collator(encoder, examples)
    batch = collator([{"chunk": 0}])  # a warm-up, which is not measured
    began = time.perf_counter()
    collator([{"chunk": 1}])
    loading_s = time.perf_counter() - began
    adapted = loader.add_adapter(model, loader.LoraSettings(), seed=0)
    per_step = len(examples) // steps
    schedule = TrainingSettings(batch_size=per_step, save_steps=10**6, dataloader_workers=workers)
    with tempfile.TemporaryDirectory() as checkpoints:
        log = trainer.train(adapted, encoder, examples, schedule, Path(checkpoints))[2:]
    return {
        "tokens of a sequence": batch["input_ids"].shape[1],
        "loading a chunk, s": loading_s,
        "a step, s": per_step * len(ACTIONS) / log["samples_per_s"].median(),
        "data wait, share of a step": log["data_wait"].median(),
        "data wait, largest share": log["data_wait"].max(),
    }


def main() -> None:
    """Measure both ways and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--steps", type=int, default=6, help="3 or more: two are not counted")
    parser.add_argument("--chunks-per-step", type=int, default=2)
    args = parser.parse_args()
    if args.steps < 3:
        parser.error("--steps: 3 or more, since the first two are not counted")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        texts = [
            format_system_prompt(ACTIONS, PromptSettings()),
            *map(format_question, ACTIONS),
            " ".join(WORDS),
        ]
        tiny_models.make(folder, "qwen2_vl", texts, args.hidden, args.layers, args.layers)
        manifest = film(folder, args.steps * args.chunks_per_step)
        examples = training_set(manifest, lm_settings.LanguageModelSettings(name))
        results = {workers: measure(folder, examples, args.steps, workers) for workers in (0, 2)}
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    print(f"{device}, {torch.get_num_threads()} threads for the model")
    print(f"{'processes that load data':26}" + "".join(f"{workers:>10}" for workers in results))
    for name in results[0]:
        print(f"{name:26}" + "".join(f"{values[name]:10.3f}" for values in results.values()))


if __name__ == "__main__":
    main()
