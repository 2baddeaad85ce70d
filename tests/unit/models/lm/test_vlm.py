"""Inference with the video-language backend, zero-shot and fine-tuned."""

import numpy as np
import polars as pl
import pytest

from chunks import ACTIONS, chunk, labels, samples, tiny_base
from lm_cases import copied, entry
from touchline.core import schema
from touchline.core.problems import InputError
from touchline.models.backend import Match
from touchline.models.lm import causal_lm, vlm
from touchline.models.lm.finetuning import vlm_fit
from touchline.models.lm.lm_settings import with_frames
from touchline.video.chunk_store import ChunkStore


def test_every_sample_has_its_answer_and_a_chunk_without_video_is_listed(tiny, manifests):
    asked = samples(3)
    model = vlm.load(entry(tiny, answers="text"), None)
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


def test_the_distribution_of_random_weights_lies_outside_of_the_answers(tiny, manifests):
    asked = samples(3)
    model = vlm.load(entry(tiny), None)
    assert model.settings.answers == "distribution"
    answered = model.answer(Match("a_match", asked, manifests=manifests))
    assert answered.schema == schema.PREDICTIONS
    whole = answered.filter(pl.col("chunk") < 2)
    assert whole["status"].to_list() == ["unparsable"] * len(whole)
    assert whole["outside"].is_between(0.99, 1).all()
    assert whole["intervals"].list.len().to_list() == [0] * len(whole)
    assert whole["text"].str.contains(r"^(No \w+ occurs\.|An? \w+ occurs at \(\d.*\)\.)$").all()
    assert (whole["answer_tokens"] < 60).all()
    assert answered.filter(chunk=2)["outside"].to_list() == [None] * len(ACTIONS)


@pytest.mark.parametrize("answers", ["distribution", "text"])
def test_answers_do_not_depend_on_the_batch(tiny, manifests, answers):
    """With a chunk that cannot be read, and a last batch that is not full."""
    asked = samples(4)  # the fourth was never cut
    found, outside = [], []
    for batch_size in (1, 3):
        model = vlm.load(entry(tiny, answers=answers, batch_size=batch_size), None)
        table = model.answer(Match("a_match", asked, manifests=manifests))
        assert (table.filter(pl.col("chunk") < 2)["seconds"] > 0).all()
        assert model.wait_s > 0
        found.append(table.drop("seconds", "rates", "outside"))
        outside.append(table["outside"].to_list())
        assert "chunk 2–3: no video of it was made" in str(model.problems[0])
    assert found[0].equals(found[1])
    assert [value is None for value in outside[0]] == [value is None for value in outside[1]]
    assert _known(outside[0]) == pytest.approx(_known(outside[1]), abs=1e-5)


def _known(values: list[float | None]) -> list[float]:
    return [value for value in values if value is not None]


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


def test_a_blanked_input_does_not_reach_the_model(tiny, manifests):
    """Answers without the video are those to black frames, those without commentary to no lines."""
    asked = samples(2)
    inputs = {}
    for ablate in ((), ("video",), ("commentary",)):
        model = vlm.load(entry(tiny, ablate=ablate), None)
        encode, seen = model.encoder.tokenize_prompt, inputs.setdefault(ablate, [])
        model.encoder.tokenize_prompt = lambda chunk, prompt, encode=encode, seen=seen: (
            seen.append(chunk) or encode(chunk, prompt)
        )
        model.answer(Match("a_match", asked, manifests=manifests))
    for shown, dark, mute in zip(*inputs.values(), strict=True):
        assert shown.frames["broadcast"].any()
        assert not dark.frames["broadcast"].any()
        assert (mute.frames["broadcast"] == shown.frames["broadcast"]).all()
        assert dark.lines == shown.lines != mute.lines == ()


def test_a_single_frame_is_shown_twice(tiny):
    """The last chunk of a half may have one frame, and processors merge frames in pairs."""
    encoder = vlm.load(entry(tiny), None).encoder
    prefix, _ = encoder.encode_prompt(chunk(frames=1), ACTIONS)
    assert prefix.vision["video_grid_thw"].tolist() == [[1, 4, 8]]
    patches = prefix.vision["pixel_values_videos"].reshape(4 * 8, 3, 2, 14, 14)
    assert (patches[:, :, 0] == patches[:, :, 1]).all()


def test_a_text_model_answers_from_the_commentary(mistral):
    settings = entry(mistral, answers="text", prompt={"inputs": ["commentary"]})
    model = causal_lm.load(settings, None)
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
    assert tuned["outside"].to_list() != plain["outside"].to_list()

    with pytest.raises(InputError, match=r"was trained on base .*, not on .*other"):
        vlm.load(settings | {"base": str(copied(tiny, tmp_path / "other"))}, tmp_path / "model")
    with pytest.raises(InputError, match="no adapter there"):
        vlm.load(settings, tmp_path)
