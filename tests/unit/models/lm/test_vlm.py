"""The video-language backend: what it shows, what it answers, and what it refuses."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from chunks import ACTIONS, chunk, film, labels, samples, tiny_base
from touchline.core import schema
from touchline.core.problems import InputError
from touchline.jobs import slurm
from touchline.models.backend import Match
from touchline.models.lm import causal_lm, loader, vlm
from touchline.models.lm.finetuning import collator, export, vlm_fit
from touchline.models.lm.finetuning.dataset import select_training_items
from touchline.models.lm.lm_settings import parse_settings, with_frames
from touchline.prompts.confidence import confidences
from touchline.prompts.prompt_text import PromptSettings
from touchline.video.chunk_store import ChunkStore, UnreadChunk, unread_problems


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    tiny_base(folder, "qwen2_vl")
    return folder


@pytest.fixture(scope="module")
def mistral(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("mistral")
    tiny_base(folder, "mistral")
    return folder


@pytest.fixture(scope="module")
def manifests(tmp_path_factory) -> list[Path]:
    """Return the manifest of two chunks of seven frames at one per second; a third was set aside."""
    return [film(tmp_path_factory.mktemp("chunks"), chunks=3, set_aside=2)]


def entry(folder: Path, **more) -> dict:
    """Return a model's entry of the configuration."""
    prompt = {"examples": False} | more.pop("prompt", {})
    return {"base": str(folder), "max_new_tokens": 8, "prompt": prompt} | more


def test_every_sample_has_its_answer_and_a_chunk_without_video_is_listed(tiny, manifests):
    asked = samples(3)
    model = vlm.load(entry(tiny), None)
    answered = model.answer(Match("a_match", asked, manifests=manifests))
    assert answered.schema == schema.PREDICTIONS
    key = ["half", "chunk", "action"]
    assert answered.select(key).equals(asked.select(key))
    whole = answered.filter(pl.col("chunk") < 2)
    assert whole["status"].is_in(["unparsable", "cut_off"]).all()  # random weights write nonsense
    assert (whole["answer_tokens"] <= 8).all()
    assert (whole["prompt_tokens"] > 100).all()
    assert answered.filter(chunk=2)["status"].to_list() == ["skipped"] * len(ACTIONS)
    assert [str(problem) for problem in model.problems] == [
        "a_match, half 1: chunk 2: no video of it was made. Give the match a video, or see what the "
        "stage chunks has listed. Its samples have no answers. (chunk set aside)"
    ]


def test_frames_reach_the_model_at_their_own_rate_and_are_not_sampled_again(tmp_path, manifests):
    """Seven frames at 1 per second are four pairs; Qwen3-VL's processor would take 2 per second."""
    tiny_base(tmp_path, "qwen3_vl")
    footage = ChunkStore(manifests)
    for fps, pairs in ((None, 4), (0.5, 2)):
        model = vlm.load(entry(tmp_path, fps=fps), None)
        wishes = model.encoder.processor.video_processor
        assert (wishes.fps, wishes.do_sample_frames) == (2, True)
        _, frame_s = footage.read_frames(1, 1, ["broadcast"], fps)
        assert frame_s[0] == 60
        assert np.diff(frame_s).tolist() == [1 / (fps or 1)] * (len(frame_s) - 1)
        shown = with_frames(chunk(number=1), footage, model.settings)
        prefix, _ = model.encoder.encode_prompt(shown, ACTIONS)
        assert prefix.vision["video_grid_thw"].tolist() == [[pairs, 4, 8]]


def test_a_text_model_answers_from_the_commentary(mistral):
    model = causal_lm.load(entry(mistral, prompt={"inputs": ["commentary"]}), None)
    answered = model.answer(Match("a_match", samples(2)))
    assert answered["answer_tokens"].to_list() == [8] * 8
    assert model.problems == []


def test_fit_writes_an_adapter_that_load_answers_with(tiny, manifests, tmp_path):
    settings = entry(
        tiny,
        quantize="nf4",
        lora={"rank": 4, "dropout": 0},
        training={"batch_size": 1, "epochs": 3, "dataloader_workers": 0, "learning_rate": 0.01},
    )
    events = labels((30.0, "goal"), (70.0, "foul"), (130.0, "goal"))
    study = [Match("a_match", samples(3), events, manifests)]  # the third chunk was set aside
    (tmp_path / "model").mkdir()
    vlm_fit.fit(study, settings, tmp_path / "model", tmp_path / "checkpoints")
    assert {path.name for path in (tmp_path / "model").iterdir()} >= {
        "adapter_config.json",
        "adapter_model.safetensors",
        "log.parquet",
    }
    assert len(pl.read_parquet(tmp_path / "model" / "log.parquet")) == 6
    asked = Match("a_match", samples(1), manifests=manifests)
    tuned = vlm.load(settings, tmp_path / "model").answer(asked)
    plain = vlm.load(settings, None).answer(asked)
    assert tuned["text"].to_list() != plain["text"].to_list()

    with pytest.raises(InputError, match=r"was trained on base .*, not on .*other"):
        vlm.load(settings | {"base": str(copied(tiny, tmp_path / "other"))}, tmp_path / "model")
    with pytest.raises(InputError, match="no adapter there"):
        vlm.load(settings, tmp_path)


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
    assert [str(one) for one in schema.read_problems(tmp_path / "model/log.parquet")] == [
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
    assert log["skipped"].to_list() == [int(one) for one in empty]
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


def test_chunks_that_could_not_be_read_are_one_problem_per_half_and_reason():
    unread = [UnreadChunk("a", 1, n, "it is broken.", "Mend it.") for n in (3, 1, 2, 7, 7)]
    unread += [
        UnreadChunk("a", 2, 1, "it is broken.", "Mend it."),
        UnreadChunk("a", 2, 2, "it is gone.", ""),
    ]
    problems = unread_problems(unread, "fit", "So be it.")
    assert [(one.half, one.problem) for one in problems] == [
        (1, "chunk 1–3, 7: it is broken."),
        (2, "chunk 1: it is broken."),
        (2, "chunk 2: it is gone."),
    ]
    assert {one.remedy for one in problems[:2]} == {"Mend it. So be it."}


def test_a_split_without_samples_is_said(tiny, tmp_path):
    with pytest.raises(InputError, match="the train split has no samples"):
        vlm_fit.fit([], entry(tiny), tmp_path, tmp_path / "checkpoints")


def copied(folder: Path, to: Path, but: str = "") -> Path:
    """Return a copy of a base, without the files whose names start with `but`."""
    skip = shutil.ignore_patterns(f"{but}*") if but else None
    return Path(shutil.copytree(folder, to, ignore=skip))


def refused(settings: dict, words: str, backend=vlm) -> None:
    with pytest.raises(InputError, match=words) as error:
        backend.load(settings, None)
    assert "\n" not in str(error.value)


def test_a_base_that_is_not_there_is_refused(tmp_path):
    refused(entry(tmp_path / "none"), "none: no readable config.json")


def test_a_base_without_a_processor_is_refused(tiny, tmp_path):
    refused(entry(copied(tiny, tmp_path / "a", but="processor")), "no processor there")
    refused(entry(copied(tiny, tmp_path / "b", but="tokenizer")), "no tokenizer there")


def test_weights_in_a_pickle_are_refused_and_not_read(tiny, tmp_path):
    folder = copied(tiny, tmp_path / "base", but="model.safetensors")
    model, _ = loader.load_base(str(tiny), None, "auto", vision=True)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    refused(entry(folder), "no safetensors weights there.*are refused")


def test_a_base_of_another_family_is_refused(tiny, mistral):
    refused(entry(mistral), "its family is mistral; this backend knows qwen2_vl")
    refused(entry(tiny), "its family is qwen2_vl, which is for the backend vlm", causal_lm)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_setting_that_needs_a_gpu_is_refused_without_one(tiny):
    refused(entry(tiny, device="cuda"), "device is cuda, but torch finds no GPU")


def test_settings_that_do_not_exist_are_refused(tiny):
    refused(entry(tiny, quantise="nf4"), "no setting quantise; it has base, candidates, device")
    refused(entry(tiny, training={"steps": 3}), "training has no setting steps")
    refused(entry(tiny, quantize="int3"), "quantize is 'int3'")
    refused(entry(tiny, prompt={"clock": "wall"}), "no clock 'wall'")
    refused({}, "missing 1 required positional argument: 'base'")


def test_confidence_is_the_probability_of_the_words_that_state_an_interval():
    """Tokens `A Goal`, ` at (1, 2).`, ` A Goal`, ` at (3, 4).` and intervals in the second and fourth."""
    ends = [6, 17, 24, 35]
    found = confidences(ends, [0.5, 0.8, 0.25, 0.4], [(10, 16), (28, 34)])
    assert found == pytest.approx([0.5 * 0.8, 0.25 * 0.4])
    assert confidences(ends, [0.5, 0.8, 0.25, 0.4], [(10, 16)]) == pytest.approx([0.4])
    assert confidences([], [], []) == []
    assert all(math.isfinite(one) for one in found)


def test_the_training_set_has_all_events_and_a_share_of_the_pairs_without_one():
    prompt = PromptSettings(clock="chunk")
    study = Match("a_match", samples(200), labels((30.0, "goal"), (65.0, "foul"), (70.0, "foul")))
    everything = select_training_items([study], prompt, negative_fraction=1.0, seed=0)
    assert [list(listed.answers) for listed in everything] == [list(ACTIONS)] * 200
    by_number = {listed.chunk.chunk: listed for listed in everything}
    assert by_number[0].answers == {
        "goal": "A Goal occurs at (00:24, 00:36).",
        "corner": "No Corner occurs.",
        "foul": "No Foul occurs.",
        "substitution": "No Substitution occurs.",
    }
    assert by_number[1].answers["foul"] == (
        "A Foul occurs at (00:00, 00:11). A Foul occurs at (00:04, 00:16)."
    )
    chosen = select_training_items([study], prompt, negative_fraction=0.25, seed=0)
    pairs = {
        (one.chunk.chunk, action): said for one in chosen for action, said in one.answers.items()
    }
    assert {(0, "goal"), (1, "foul")} <= pairs.keys()
    assert 0.17 < (len(pairs) - 2) / (200 * len(ACTIONS) - 2) < 0.33
    assert all(
        said == by_number[number].answers[action] for (number, action), said in pairs.items()
    )
    assert len(chosen) < 75  # chunks that nothing is asked of are not shown
    # Another match changes nothing here; another seed does.
    two = select_training_items([Match("b", samples(9), labels()), study], prompt, 0.25, seed=0)
    assert [one for one in two if one.chunk.match == "a_match"] == chosen
    assert select_training_items([study], prompt, 0.25, seed=1) != chosen
    positives = select_training_items([study], prompt, 0.0, seed=0)
    assert [list(listed.answers) for listed in positives] == [["goal"], ["foul"]]


def test_defaults_are_the_studys():
    settings = parse_settings({"base": "Qwen/Qwen2-VL-2B-Instruct"})
    assert settings.training.epochs == 1
    assert settings.training.batch_size == 8
    assert settings.training.save_steps == 100


def test_the_training_set_is_exported_as_conversations(manifests, tmp_path):
    results = tmp_path / "results"
    schema.write(results / "samples/a_match.parquet", samples(3), schema.SAMPLES)
    schema.write(results / "labels/a_match.parquet", labels((70.0, "foul")), schema.LABELS)
    shutil.copytree(manifests[0].parent, results / "chunks/a_match")
    settings = {"base": "none", "prompt": {"clock": "chunk"}}
    argv = ["--settings", json.dumps(settings), "--matches", "a_match"]
    argv += ["--results", str(results), "--out", str(tmp_path / "train.json")]
    export.main(argv)
    entries = json.loads((tmp_path / "train.json").read_text())
    assert len(entries) == 2 * len(ACTIONS)  # the third chunk has no video
    one = next(entry for entry in entries if entry["id"] == "a_match/1/001/foul")
    asked, said = one["conversations"]
    assert (asked["from"], said["from"]) == ("human", "gpt")
    assert asked["value"].startswith("<video>\nCommentary:\n")
    assert asked["value"].endswith("Find all the times at which a Foul occurs in this chunk.")
    assert said["value"] == "A Foul occurs at (00:04, 00:16)."
    assert one["video"] == one["videos"][0]
    assert Path(one["video"]).is_file()
    assert one["system"].startswith("You watch soccer broadcasts")

    argv[1] = json.dumps(settings | {"negative_fraction": 0.0})
    export.main(argv)
    assert json.loads((tmp_path / "train.json").read_text()) == [one]

    argv[1] = json.dumps(settings | {"prompt": {"time_marks": True}})
    with pytest.raises(InputError, match="cannot show a video in pieces"):
        export.main(argv)
