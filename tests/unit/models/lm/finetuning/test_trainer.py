"""Training learns, touches what it should, and a run that was cut goes on exactly where it was."""

import dataclasses
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers.trainer_pt_utils import safe_globals

import tiny_study
from chunks import ACTIONS, chunk, tiny_base
from tiny_study import SCHEDULE, Examples, load
from touchline.core import schema
from touchline.core.problems import InputError
from touchline.demo.pretrain import pretrain
from touchline.jobs import checkpoints
from touchline.jobs.unfinished import UNFINISHED
from touchline.models.lm import loader, merge, shared_prefix
from touchline.models.lm.finetuning import collator, trainer
from touchline.models.lm.lm_settings import TrainingSettings
from touchline.models.lm.tokenize import Encoder
from touchline.prompts.prompt_text import PromptSettings

SCRIPT = Path(tiny_study.__file__)
STEPS = 15


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("qwen2_vl")
    tiny_base(folder, "qwen2_vl")
    return folder


@pytest.fixture(scope="module")
def uninterrupted(tiny, tmp_path_factory) -> Path:
    """Return the adapter of a run that nothing disturbed, with its log."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    tiny_study.main(tiny, folder / "checkpoints", folder / "adapter")
    return folder / "adapter"


def start(tiny: Path, folder: Path, **environment: str) -> subprocess.Popen:
    """Start a training process, in a process group of its own as a job has."""
    return subprocess.Popen(
        [sys.executable, SCRIPT, tiny, folder / "checkpoints", folder / "adapter"],
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        stderr=(folder / "stderr.txt").open("a"),
        start_new_session=True,
    )


def wait_for_a_checkpoint(folder: Path) -> None:
    until = time.monotonic() + 300
    while not list((folder / "checkpoints").glob("checkpoint-*/complete.json")):
        assert time.monotonic() < until, (folder / "stderr.txt").read_text()
        time.sleep(0.01)


def assert_same_run(adapter: Path, other: Path) -> None:
    """Compare the loss at every step and the final weights, exactly."""
    exact = ["step", "loss", "learning_rate", "grad_norm"]
    logs = [pl.read_parquet(folder / "log.parquet", columns=exact) for folder in (adapter, other)]
    assert logs[0]["step"].to_list() == list(range(1, STEPS + 1))
    assert logs[0].equals(logs[1])
    weights = [load_file(folder / "adapter_model.safetensors") for folder in (adapter, other)]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_sigterm_saves_and_leaves_with_75_and_the_next_run_ends_the_same(
    tiny, uninterrupted, tmp_path, capfd
):
    run = start(tiny, tmp_path)
    wait_for_a_checkpoint(tmp_path)
    os.killpg(run.pid, signal.SIGTERM)  # a job's signal reaches the data workers too
    assert run.wait() == UNFINISHED
    assert "SIGTERM: saved after" in (tmp_path / "stderr.txt").read_text()
    assert not (tmp_path / "adapter").exists()
    tiny_study.main(tiny, tmp_path / "checkpoints", tmp_path / "adapter")
    assert "resuming from" in capfd.readouterr().err
    assert_same_run(tmp_path / "adapter", uninterrupted)


# A step of five passes may be longer than the time between SIGTERM and SIGKILL.
LONG = dataclasses.replace(SCHEDULE, batch_size=5, save_steps=100, dataloader_workers=0)


@pytest.fixture(scope="module")
def whole(tiny, tmp_path_factory) -> tuple[pl.DataFrame, dict[str, torch.Tensor]]:
    """Return the log and the weights of a run of long steps that nothing disturbed."""
    model, encoder = load(tiny)
    log = trainer.train(model, encoder, Examples(), LONG, tmp_path_factory.mktemp("whole"))
    return log, dict(model.named_parameters())


@pytest.mark.parametrize(("passes", "saved"), [(13, 2), (2, 0), (10, 2)])
def test_sigterm_within_a_step_ends_it_at_once_and_the_step_is_taken_whole_later(
    tiny, whole, tmp_path, passes, saved
):
    cut, encoder = load(tiny)
    done = []

    def count(*_) -> None:
        done.append(1)
        if len(done) == passes:
            os.kill(os.getpid(), signal.SIGTERM)

    cut.register_forward_pre_hook(count)
    with pytest.raises(SystemExit) as end:
        trainer.train(cut, encoder, Examples(), LONG, tmp_path / "cut")
    assert end.value.code == UNFINISHED
    assert len(done) == passes
    last = checkpoints.newest(tmp_path / "cut")
    assert (checkpoints.step_of(last) if last else 0) == saved
    again, encoder = load(tiny)
    log = trainer.train(again, encoder, Examples(), LONG, tmp_path / "cut")
    exact = ["step", "loss", "learning_rate", "grad_norm"]
    log_of_whole, weights = whole
    assert log.select(exact).equals(log_of_whole.select(exact))
    assert all(torch.equal(weight, weights[name]) for name, weight in again.named_parameters())


def test_sigkill_loses_the_steps_after_the_checkpoint_and_nothing_else(
    tiny, uninterrupted, tmp_path
):
    run = start(tiny, tmp_path)
    wait_for_a_checkpoint(tmp_path)
    os.killpg(run.pid, signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    tiny_study.main(tiny, tmp_path / "checkpoints", tmp_path / "adapter")
    assert_same_run(tmp_path / "adapter", uninterrupted)


def test_a_time_budget_ends_a_run_and_three_of_them_make_the_same_adapter(
    tiny, uninterrupted, tmp_path
):
    """Two runs have time for a step or two, the third for the rest; no step is done twice."""
    done = []
    for _ in range(2):
        model, encoder = load(tiny)
        with pytest.raises(SystemExit) as end:
            trainer.train(model, encoder, Examples(), SCHEDULE, tmp_path / "checkpoints", 0.3)
        assert end.value.code == UNFINISHED
        done.append(checkpoints.step_of(checkpoints.newest(tmp_path / "checkpoints")))
    assert 0 < done[0] < done[1] < STEPS
    model, encoder = load(tiny)
    log = trainer.train(model, encoder, Examples(), SCHEDULE, tmp_path / "checkpoints")
    model.save_pretrained(tmp_path / "adapter")
    schema.write(tmp_path / "adapter" / "log.parquet", log, schema.LOG)
    assert_same_run(tmp_path / "adapter", uninterrupted)


def test_skipped_chunks_are_not_decoded_when_a_run_goes_on(tiny, tmp_path):
    class Counted(Examples):
        decoded = 0

        def __getitem__(self, number):
            self.decoded += 1
            return super().__getitem__(number)

    short = dataclasses.replace(SCHEDULE, dataloader_workers=0, save_steps=10)
    model, encoder = load(tiny)
    trainer.train(model, encoder, Counted(), short, tmp_path)
    shutil.rmtree(tmp_path / "checkpoint-15")
    rest = Counted()
    model, encoder = load(tiny)
    trainer.train(model, encoder, rest, short, tmp_path)
    assert rest.decoded == 5 * SCHEDULE.batch_size


def test_a_damaged_checkpoint_is_passed_over_and_said(tiny, uninterrupted, tmp_path, capsys):
    model, encoder = load(tiny)
    trainer.train(model, encoder, Examples(), SCHEDULE, tmp_path / "checkpoints")
    last = tmp_path / "checkpoints" / "checkpoint-15"
    assert checkpoints.newest(last.parent) == last
    with (last / "optimizer.pt").open("r+b") as file:
        file.truncate(1000)
    assert checkpoints.newest(last.parent) == last.with_name("checkpoint-14")
    assert "optimizer.pt has 1000 bytes instead of" in capsys.readouterr().err
    weights = (last.with_name("checkpoint-14") / "adapter_model.safetensors").read_bytes()
    (last.with_name("checkpoint-14") / "adapter_model.safetensors").write_bytes(
        weights[:-1] + bytes([weights[-1] ^ 1])
    )
    assert checkpoints.newest(last.parent) is None
    assert "has another content than was written" in capsys.readouterr().err


def test_checkpoints_hold_no_pickled_code(tiny, tmp_path):
    model, encoder = load(tiny)
    short = dataclasses.replace(SCHEDULE, epochs=1)
    trainer.train(model, encoder, Examples(), short, tmp_path)
    for path in checkpoints.newest(tmp_path).iterdir():
        if path.suffix in (".pt", ".pth"):
            with safe_globals():  # those of a NumPy random state
                torch.load(path, weights_only=True)
        else:
            assert path.suffix in (".safetensors", ".json", ".jinja", ".md"), path.name


def test_one_batch_is_learned_by_heart_with_all_weights(tmp_path):
    tiny_base(tmp_path / "base", "qwen2_vl", weight_std=0.1)
    model, encoder = load_plain(tmp_path / "base")
    assert_learned_by_heart(model, encoder, tmp_path / "checkpoints", epochs=100)


def test_one_batch_is_learned_by_heart_with_qlora(tmp_path):
    """On a base that has seen other chunks for seconds.

    A random base has no such answer in it: its head and last norm are frozen and too small, which
    bounds the logits (benchmarks/README.md, "Limits of LoRA on a random base").
    """
    tiny_base(tmp_path / "base", "qwen2_vl", weight_std=0.1)
    model, encoder = load_plain(tmp_path / "base")
    pretrain(model, batches(encoder, Examples(CHUNKS_SEEN + 2, frames=2)), steps=150)
    model.save_pretrained(tmp_path / "base")
    model, encoder = load(tmp_path / "base", dropout=0.0)
    log = assert_learned_by_heart(model, encoder, tmp_path / "checkpoints", epochs=150)
    assert log["loss"][0] > 0.1


CHUNKS_SEEN = 38


def load_plain(folder: Path) -> tuple:
    """Return a base without an adapter, and its encoder."""
    model, processor = loader.load_base(str(folder), None, "auto", vision=True)
    return model, Encoder(model, processor, ACTIONS, PromptSettings(examples=False))


def batches(encoder: Encoder, shown: Examples):
    """Yield batches of four of the chunks, again and again, without the first two."""
    collate = collator.Collator(encoder, shown)
    for step in itertools.count():
        rows = [{"chunk": 2 + (4 * step + place) % CHUNKS_SEEN} for place in range(4)]
        batch = collate(rows)
        del batch[collator.UNREAD]
        yield batch


def assert_learned_by_heart(model, encoder, folder: Path, epochs: int) -> pl.DataFrame:
    """Train on two chunks alone until the answers are known by heart; return the log."""
    often = TrainingSettings(
        epochs=epochs,
        batch_size=2,
        micro_batch_size=2,
        learning_rate=5e-3,
        warmup_ratio=0.05,
        save_steps=10**6,
        dataloader_workers=0,
        gradient_checkpointing=False,
    )
    two = Examples(2, frames=2)
    log = trainer.train(model, encoder, two, often, folder)
    assert log["loss"][-1] < 0.01
    model.eval()
    for number in range(2):
        example = two[number]
        asked, questions = encoder.encode_prompt(example.chunk, list(example.answers))
        decoded = shared_prefix.decode_answers(
            model, asked, questions, 40, {encoder.tokenizer.eos_token_id}
        )
        texts = [encoder.tokenizer.decode(answer.ids) for answer in decoded]
        assert texts == list(example.answers.values())
    return log


@pytest.mark.parametrize("quantize", ["nf4", None])
def test_every_trainable_weight_moves_and_every_frozen_one_is_bit_identical(
    tiny, tmp_path, quantize
):
    model, encoder = load(tiny, quantize=quantize)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    trainer.train(model, encoder, Examples(), SCHEDULE, tmp_path)
    moved = {
        name
        for name, weight in model.named_parameters()
        if not torch.equal(weight.detach(), before[name])
    }
    assert moved == {name for name in before if "lora_" in name}
    assert not any("visual" in name for name in moved)


def test_a_step_does_not_depend_on_how_many_chunks_go_through_the_model_at_once(tmp_path):
    """Qwen3-VL's class says that it cannot be told the number of tokens; TRL's loss can."""
    tiny_base(tmp_path / "base", "qwen3_vl")
    losses = []
    for at_once in (1, 4):
        model, encoder = load(tmp_path / "base", dropout=0.0)
        schedule = dataclasses.replace(
            SCHEDULE, epochs=1, batch_size=4, micro_batch_size=at_once, dataloader_workers=0
        )
        log = trainer.train(model, encoder, Examples(frames=3), schedule, tmp_path / str(at_once))
        losses.append(log["loss"].to_list())
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_the_adapter_is_an_ordinary_one_and_answers_as_its_merge(tiny, uninterrupted, tmp_path):
    model, _ = loader.load_base(str(tiny), None, "auto", vision=True)
    adapted = PeftModel.from_pretrained(model, uninterrupted).eval()
    _, encoder = load(tiny, quantize=None)
    asked, questions = encoder.encode_prompt(chunk(1), ACTIONS)
    answers = shared_prefix.decode_answers(adapted, asked, questions, 20, set())
    with adapted.disable_adapter():
        plain = shared_prefix.decode_answers(adapted, asked, questions, 20, set())
    assert [answer.ids for answer in answers] != [answer.ids for answer in plain]
    merge.main(["--folder", str(uninterrupted), "--out", str(tmp_path)])
    merged, _ = loader.load_base(str(tmp_path), None, "auto", vision=True)
    again = shared_prefix.decode_answers(merged.eval(), asked, questions, 20, set())
    assert [answer.ids for answer in answers] == [answer.ids for answer in again]


def test_a_run_that_was_cut_after_its_last_step_only_hands_over(tiny, tmp_path):
    model, encoder = load(tiny)
    log = trainer.train(model, encoder, Examples(), SCHEDULE, tmp_path)
    again, encoder = load(tiny)
    assert trainer.train(again, encoder, Examples(), SCHEDULE, tmp_path).equals(log)
    weights = dict(model.named_parameters())
    assert all(torch.equal(weight, weights[name]) for name, weight in again.named_parameters())


def test_a_loss_that_is_not_finite_stops_with_the_step_and_the_chunks(tiny, tmp_path):
    class Poisoned(Examples):
        """One chunk whose coming breaks the weights, as an overflow would."""

        def __getitem__(self, number):
            example = super().__getitem__(number)
            if number == bad:
                with torch.no_grad():
                    next(iter(model.parameters())).fill_(float("nan"))
            return example

    model, encoder = load(tiny)
    schedule = dataclasses.replace(SCHEDULE, dataloader_workers=0, save_steps=1)
    order = collator.training_order(10, 3, schedule.seed)
    bad = order[5]
    with pytest.raises(InputError, match=rf"step 3: .*a_match half 1 chunk {bad}\.") as error:
        trainer.train(model, encoder, Poisoned(), schedule, tmp_path)
    assert f"a_match half 1 chunk {order[4]}, a_match half 1 chunk {bad}" in str(error.value)
    last = checkpoints.newest(tmp_path)
    assert checkpoints.step_of(last) == 2
    weights = load_file(last / "adapter_model.safetensors")
    assert all(weight.isfinite().all() for weight in weights.values())


def test_nothing_to_train_on_is_said(tiny, tmp_path):
    model, encoder = load(tiny)
    with pytest.raises(InputError, match="the train split has no samples"):
        trainer.train(model, encoder, Examples(0), SCHEDULE, tmp_path)


def test_the_order_is_that_of_the_seed_and_every_epoch_has_every_chunk():
    assert (
        collator.training_order(10, 2, 0)
        == collator.training_order(10, 2, 0)
        != collator.training_order(10, 2, 1)
    )
    first, second = collator.training_order(10, 2, 0)[:10], collator.training_order(10, 2, 0)[10:]
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


def test_the_log_has_speed_waiting_and_memory(uninterrupted):
    log = pl.read_parquet(uninterrupted / "log.parquet")
    assert log.schema == schema.LOG
    assert log["loss"][-3:].mean() < log["loss"][:3].mean()
    assert log["data_wait"].is_between(0, 1).all()
    assert (log["samples_per_s"] > 0).all()
    assert (log["peak_mib"] > 100).all()
