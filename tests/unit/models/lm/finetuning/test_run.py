"""Fine-tuning where chunks cannot be read."""

import shutil
from pathlib import Path

import polars as pl
import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy

from chunks import ACTIONS, LINES, labels, samples
from lm_cases import entry
from sliding_bases import sliding_base
from touchline.core import schema
from touchline.core.problems import InputError
from touchline.jobs import slurm
from touchline.models.backend import Match
from touchline.models.lm import causal_lm
from touchline.models.lm.finetuning import (
    causal_lm_fit,
    collator,
    dataset,
    micro_batches,
    trainer,
    vlm_fit,
)
from touchline.models.lm.shared_prefix import collate, pack
from touchline.models.lm.tokenize import Chunk


@pytest.fixture
def truncated(manifests, tmp_path) -> list[Path]:
    """Return the manifest of three chunks, one of which was cut off on the disk afterwards."""
    shutil.copytree(manifests[0].parent, tmp_path / "chunks")
    with (tmp_path / "chunks/000.mkv").open("r+b") as file:
        file.truncate(2000)
    return [tmp_path / "chunks/1.parquet"]


def train(
    tiny, manifests, folder: Path, asked: pl.DataFrame, dropout: float = 0.05, **training
) -> pl.DataFrame:
    """Fine-tune on these samples for three epochs and return the log."""
    lora = {"rank": 4, "dropout": dropout}
    settings = entry(tiny, lora=lora, training={"epochs": 3, "dataloader_workers": 0} | training)
    folder.mkdir(exist_ok=True)
    study = [Match("a_match", asked, labels((30.0, "goal"), (70.0, "foul")), manifests)]
    vlm_fit.fit(study, settings, folder, folder / "checkpoints")
    return pl.read_parquet(folder / "log.parquet")


def test_a_chunk_that_cannot_be_read_is_left_out_of_its_step_and_listed(
    tiny, truncated, tmp_path, capsys
):
    log = train(tiny, truncated, tmp_path / "model", samples(2), 0.0, batch_size=2)
    assert log["skipped"].to_list() == [1, 1, 1]
    assert (log["loss"] > 0).all()
    assert [str(problem) for problem in schema.read_problems(tmp_path / "model/log.parquet")] == [
        "a_match, half 1: chunk 0: it is not the file that its manifest lists (the checksum "
        "differs). Delete the manifest; the chunks are made again. The training went on without it. "
        "(chunk set aside)"
    ]
    assert capsys.readouterr().err.count("left out: a_match half 1 chunk 0: ") == 3
    # The steps are those of the other chunk alone.
    other = samples(2).filter(chunk=1)
    alone = train(tiny, truncated, tmp_path / "alone", other, 0.0, batch_size=1)
    assert log["loss"].to_list() == pytest.approx(alone["loss"].to_list(), rel=1e-5)


def test_a_step_without_a_readable_chunk_changes_nothing(tiny, truncated, tmp_path):
    folder = tmp_path / "model"
    log = train(tiny, truncated, folder, samples(2), batch_size=1, save_steps=1, seed=2)
    empty = [number == 0 for number in collator.training_order(2, 3, seed=2)]
    assert empty[-1]
    assert log["skipped"].to_list() == [int(is_empty) for is_empty in empty]
    assert log["loss"].is_null().to_list() == empty
    last = [
        load_file(folder / f"checkpoints/checkpoint-{n}/adapter_model.safetensors") for n in (5, 6)
    ]
    assert all(torch.equal(last[0][name], last[1][name]) for name in last[0])


def test_a_run_that_goes_on_still_lists_what_was_left_out_before(
    tiny, truncated, tmp_path, monkeypatch
):
    whole = train(tiny, truncated, tmp_path / "whole", samples(2), batch_size=1, seed=2)
    monkeypatch.setenv(slurm.BUDGET_VARIABLE, "0")
    for _ in range(5):
        with pytest.raises(SystemExit):
            train(tiny, truncated, tmp_path / "cut", samples(2), batch_size=1, seed=2)
    cut = train(tiny, truncated, tmp_path / "cut", samples(2), batch_size=1, seed=2)
    exact = ["step", "loss", "grad_norm", "skipped"]
    assert cut.select(exact).equals(whole.select(exact))
    listed = [schema.read_problems(tmp_path / run / "log.parquet") for run in ("whole", "cut")]
    assert len(listed[0]) == 1
    assert listed[0] == listed[1]


def test_a_split_without_samples_is_said(tiny, tmp_path):
    with pytest.raises(InputError, match="the train split has no samples"):
        vlm_fit.fit([], entry(tiny), tmp_path, tmp_path / "checkpoints")


def test_training_gives_each_kind_of_layer_its_own_mask(tmp_path):
    """Gemma 3: the loss of the first step is that of separate sequences."""
    base = sliding_base(tmp_path / "base", "gemma3_text")
    settings = entry(
        base,
        prompt={"inputs": ["commentary"]},
        lora={"rank": 4, "dropout": 0},
        training={"batch_size": 2, "micro_batch_size": 2, "dataloader_workers": 0},
    )
    study = [Match("a_match", samples(2), labels((30.0, "goal")))]
    (tmp_path / "model").mkdir()
    causal_lm_fit.fit(study, settings, tmp_path / "model", tmp_path / "checkpoints")
    log = pl.read_parquet(tmp_path / "model/log.parquet")

    spotter = causal_lm.load(settings, None)
    spotter.encoder.actions = list(ACTIONS)
    losses: list[torch.Tensor] = []
    for item in dataset.select_training_items(study, spotter.settings.prompt, 1.0, 0):
        prefix, questions = spotter.encoder.encode_prompt(item.chunk, list(item.answers))
        for question, text in zip(questions, item.answers.values(), strict=True):
            batch = collate([pack(prefix, [(question, spotter.encoder.answer_ids(text))])], 0)
            labels_, _ = batch.pop("labels")[0], batch.pop("attention_mask")
            with torch.no_grad():
                logits = spotter.model(**batch).logits[0]
            losses.append(cross_entropy(logits[:-1], labels_[1:], reduction="none"))
    tokens = torch.cat(losses)
    assert log["loss"].to_list() == pytest.approx([tokens[tokens > 0].mean().item()], rel=1e-4)
    assert causal_lm.load(settings, tmp_path / "model").answer(Match("a_match", samples(1))).height


EVENTS = labels((30.0, "goal"), (70.0, "foul"), (75.5, "foul"), (110.0, "corner"))
MATCHING = {"epochs": 3, "batch_size": 2, "dataloader_workers": 0, "objective": "match"}


def match_run(base: Path, folder: Path, **training) -> tuple[pl.DataFrame, dict]:
    """Train for `match` on two chunks of commentary; return the log and the adapter."""
    settings = entry(
        base,
        prompt={"inputs": ["commentary"]},
        lora={"rank": 4, "dropout": 0},
        training=MATCHING | training,
    )
    (folder / "model").mkdir(parents=True, exist_ok=True)
    study = [Match("a_match", samples(3), EVENTS)]
    causal_lm_fit.fit(study, settings, folder / "model", folder / "checkpoints")
    log = pl.read_parquet(folder / "model/log.parquet")
    return log, load_file(folder / "model/adapter_model.safetensors")


@pytest.fixture(scope="module")
def sliding(tmp_path_factory) -> Path:
    return sliding_base(tmp_path_factory.mktemp("base"), "gemma3_text")


def test_without_weight_match_trains_as_tokens_does(sliding, tmp_path):
    tokens, _ = match_run(sliding, tmp_path / "tokens", objective="tokens")
    match, _ = match_run(sliding, tmp_path / "match", match_weight=0)
    for name in ("loss", "grad_norm"):
        assert match[name].to_list() == pytest.approx(tokens[name].to_list(), rel=2e-3)


def test_training_for_match_does_not_depend_on_the_micro_batch_and_lowers_the_loss(
    sliding, tmp_path
):
    faster = {"epochs": 8, "learning_rate": 0.01}
    one, _ = match_run(sliding, tmp_path / "one", **faster)
    two, _ = match_run(sliding, tmp_path / "two", micro_batch_size=2, **faster)
    assert one["loss"][:4].to_list() == pytest.approx(two["loss"][:4].to_list(), rel=2e-3)
    assert two["loss"][-1] < 0.8 * two["loss"][0]


def test_auto_is_the_largest_micro_batch_that_fits(sliding, tmp_path, monkeypatch, capfd):
    """Memory runs out in the second step; the training goes on from its checkpoint with half."""
    settings = {"batch_size": 2, "save_steps": 1, "micro_batch_size": "auto"}
    alone, _ = match_run(sliding, tmp_path / "alone", **settings)
    assert "micro_batch_size is auto: 1 in a pass" in capfd.readouterr().err  # without a GPU
    one, _ = match_run(sliding, tmp_path / "one", **(settings | {"micro_batch_size": 1}))
    exact = ["step", "loss", "grad_norm"]
    assert alone.select(exact).equals(one.select(exact))

    passes = []

    def limited(model, batch):
        passes.append(len(batch["input_ids"]))
        if len(passes) > 1 and passes[-1] > 1:
            raise torch.OutOfMemoryError
        return whole(model, batch)

    whole = trainer.label_loss
    monkeypatch.setattr(trainer, "label_loss", limited)
    micro_batches.keep(tmp_path / "auto/checkpoints", 2)  # as a GPU would begin
    halved, _ = match_run(sliding, tmp_path / "auto", objective="tokens", **settings)
    said = capfd.readouterr().err
    assert "out of memory with 2 chunks in a pass, so 1 are tried." in said
    assert "resuming from" in said
    assert passes[:2] == [2, 2]
    assert set(passes[2:]) == {1}
    monkeypatch.setattr(trainer, "label_loss", whole)
    expected, _ = match_run(
        sliding, tmp_path / "all", objective="tokens", **(settings | {"micro_batch_size": 1})
    )
    assert halved["loss"].to_list() == pytest.approx(expected["loss"].to_list(), rel=1e-4)
    assert (tmp_path / "auto/checkpoints/micro_batch_size").read_text() == "1"


def test_a_micro_batch_of_one_that_does_not_fit_is_an_error(sliding, tmp_path, monkeypatch):
    def fail(*_):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(trainer, "label_loss", fail)
    with pytest.raises(torch.OutOfMemoryError):
        match_run(sliding, tmp_path, objective="tokens", micro_batch_size="auto")


def test_the_chunks_of_a_step_are_passed_in_the_order_of_their_length():
    sizes = {0: 5.0, 1: 1.0, 2: 9.0, 3: 2.0, 4: 7.0}
    assert collator.sort_steps([4, 1, 0, 3, 2], 3, sizes.__getitem__) == [1, 0, 4, 3, 2]
    few, many = (
        dataset.TrainingItem(Chunk("a_match", 1, 0, 0.0, 60.0, LINES[:lines]), {"goal": "No."})
        for lines in (1, 2)
    )
    shown = dataset.TrainingSet([few, many], lambda chunk: chunk)
    assert isinstance(shown, collator.Measured)
    assert shown.size(0) < shown.size(1)


def test_training_for_match_resumes_exactly(sliding, tmp_path, monkeypatch):
    whole_log, whole = match_run(sliding, tmp_path / "whole", save_steps=1)
    with monkeypatch.context() as patch:
        patch.setattr(slurm, "time_budget_s", lambda: 0.01)
        with pytest.raises(SystemExit):
            match_run(sliding, tmp_path / "cut", save_steps=1)
    assert list((tmp_path / "cut/checkpoints").glob("checkpoint-*"))
    log, adapter = match_run(sliding, tmp_path / "cut", save_steps=1)
    exact = ["step", "loss", "learning_rate", "grad_norm"]
    assert log.select(exact).equals(whole_log.select(exact))
    assert all(torch.equal(adapter[name], whole[name]) for name in whole)
