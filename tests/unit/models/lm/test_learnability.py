"""A tiny Qwen2-VL learns to spot in chunks of a new kind, and does so by looking at what it should.

Each test trains the demo's base for a fixed number of steps on phrases or pictures that it does not
know, and compares F1 on held-out chunks (many-to-many, IoU > 0.3) with that of a constant baseline, of
the base before training, and with what is left when the truth, or what the model sees, is spoiled.
"""

from dataclasses import replace
from functools import partial

import numpy as np
import polars as pl
import pytest
import torch

from synthetic import ACTIONS, HELD_OUT, Shown, Spoken, batches
from touchline.core import schema
from touchline.core.intervals import interval_around
from touchline.demo.pretrain import pretrain
from touchline.evaluation import matching
from touchline.models.lm import loader, shared_prefix
from touchline.models.lm.answering import Spotter
from touchline.models.lm.lm_settings import DISTRIBUTION, TEXT, LanguageModelSettings
from touchline.models.lm.tokenize import Chunk, Encoder

BASE = "touchline:qwen2-vl"
CHUNKS, FEW = 60, 20  # few are enough to see that a model has learned nothing


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Models this small gain nothing from a second thread, and lose much on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def untrained(world: Spoken | Shown) -> Spotter:
    """Return the base, which has not seen the world yet."""
    model, processor = loader.load_base(BASE, None, "cpu", vision=True)
    encoder = Encoder(model, processor, ACTIONS, world.settings)
    settings = LanguageModelSettings(BASE, answers=TEXT, max_new_tokens=30, prompt=world.settings)
    return Spotter(model, encoder, settings)


@pytest.fixture(scope="module")
def listener() -> Spotter:
    """Return a model that has learned from commentary alone."""
    world = Spoken()
    spotter = untrained(world)
    pretrain(spotter.model, batches(spotter.encoder, world, chunks=8), steps=40)
    return spotter


def answer(
    spotter: Spotter, world: Spoken | Shown, see=lambda chunk: chunk, chunks: int = CHUNKS
) -> pl.DataFrame:
    """Return the answers to held-out chunks, after `see` had its way with each."""
    rows = [
        row
        for seed in range(chunks)
        for row in spotter.answer_chunk(see(world.draw(seed, HELD_OUT).chunk), ACTIONS)
    ]
    return pl.DataFrame(rows, schema=schema.PREDICTIONS).with_columns(match=pl.lit("held out"))


def f1(world: Spoken | Shown, answered: pl.DataFrame, shift_s: float = 0.0) -> float:
    """Score answers; the truth is moved by `shift_s`, round the end of the chunk."""
    drawn = [world.draw(seed, HELD_OUT) for seed in answered["chunk"].unique()]
    truths = pl.DataFrame(
        [
            (
                "held out",
                1,
                example.chunk.chunk,
                action,
                *interval_around((time_s + shift_s) % world.chunk_s),
            )
            for example in drawn
            for action, time_s in example.events_s.items()
        ],
        schema=[*matching.SAMPLE, "start_s", "end_s"],
        orient="row",
    )
    intervals = matching.answer_intervals(answered)
    pairs = matching.pairs(intervals, truths)
    false = len(intervals) - pairs["answer"].n_unique()
    missed = len(truths) - pairs["truth"].n_unique()
    return 2 * len(pairs) / (2 * len(pairs) + false + missed)


def baseline(world: Spoken | Shown) -> float:
    """Return the F1 of the middle 12 s of every chunk."""
    start_s, end_s = interval_around(world.chunk_s / 2)
    interval = [{"start_s": start_s, "end_s": end_s, "confidence": 1.0}]
    rows = [
        {"half": 1, "chunk": number, "action": action, "intervals": interval}
        for number in range(CHUNKS)
        for action in ACTIONS
    ]
    answered = pl.DataFrame(rows, schema_overrides=schema.PREDICTIONS)
    return f1(world, answered.with_columns(match=pl.lit("held out")))


def hide_prefix(owner: torch.Tensor, last: int | None = None, *, shown=None) -> torch.Tensor:
    """Return the branch mask that `shown` gives, with the prefix hidden from the branches."""
    mask = shown(owner, last)
    rows = owner[:, -mask.shape[2] :]
    hidden = (owner[:, None, :] == shared_prefix.PREFIX) & (rows[:, :, None] > shared_prefix.PREFIX)
    return mask & ~hidden[:, None]


def test_commentary_is_learned_and_it_is_the_commentary_that_is_read(listener, monkeypatch):
    world, spotter = Spoken(), listener
    answered = answer(spotter, world)
    score = f1(world, answered)
    assert baseline(world) < 0.15
    assert f1(world, answer(untrained(world), world, chunks=FEW)) < 0.25
    assert score >= 0.45
    assert f1(world, answered, shift_s=20) < 0.15
    silent = answer(spotter, world, lambda chunk: replace(chunk, lines=()), FEW)
    assert f1(world, silent) < 0.15
    monkeypatch.setattr(
        shared_prefix, "branch_mask", partial(hide_prefix, shown=shared_prefix.branch_mask)
    )
    assert f1(world, answer(spotter, world, chunks=FEW)) < 0.15


def test_the_distribution_of_answers_finds_more_than_their_text(listener):
    """The same model: F1 at a threshold, and a confidence that is the share of right answers."""
    world, written = Spoken(), answer(listener, Spoken())
    settings = replace(listener.settings, answers=DISTRIBUTION)
    read = answer(Spotter(listener.model, listener.encoder, settings), world)
    likely = pl.col("intervals").list.eval(
        pl.element().filter(pl.element().struct.field("confidence") >= 0.3)
    )
    assert f1(world, read.with_columns(likely)) > f1(world, written)
    assert read["outside"].max() < 0.1
    same = (read["text"] == written["text"]).mean()
    assert same > 0.6  # the most probable answer is mostly the one that is written
    confidences = read.explode("intervals").unnest("intervals")["confidence"].drop_nulls()
    assert confidences.is_between(0, 1).all()
    assert confidences.n_unique() > CHUNKS


def test_video_is_learned_and_it_is_the_video_that_is_seen(monkeypatch):
    """An easier variant: chunks of 20 s, three actions."""
    world = Shown()
    spotter = untrained(world)
    assert baseline(world) < 0.3
    assert f1(world, answer(spotter, world, chunks=FEW)) < 0.35
    pretrain(spotter.model, batches(spotter.encoder, world, chunks=8), steps=40)
    answered = answer(spotter, world)
    assert f1(world, answered) >= 0.7
    assert f1(world, answered, shift_s=10) < 0.3

    blank = answer(spotter, world, blanked, FEW)
    assert f1(world, blank) < 0.3
    monkeypatch.setattr(
        shared_prefix, "branch_mask", partial(hide_prefix, shown=shared_prefix.branch_mask)
    )
    assert f1(world, answer(spotter, world, chunks=FEW)) < 0.3


def blanked(chunk: Chunk) -> Chunk:
    """Return the chunk with black pictures."""
    return replace(chunk, frames={"broadcast": np.zeros_like(chunk.frames["broadcast"])})
