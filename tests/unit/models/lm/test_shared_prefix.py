"""The shared prefix is the computation of separate sequences, in training and in decoding."""

import copy

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
)

from chunks import ACTIONS, chunk, tiny_base
from touchline.demo.tiny_models import FAMILIES, PATCH_PX
from touchline.models.lm.shared_prefix import (
    IGNORED,
    Prefix,
    branch_mask,
    collate,
    decode_answers,
    pack,
)
from touchline.models.lm.tokenize import Encoder
from touchline.prompts.prompt_text import PromptSettings

ANSWERS = (
    "A Goal occurs at (37:05, 37:17).",
    "No Corner occurs.",
    "A Foul occurs at (37:05, 37:17). A Foul occurs at (37:40, 37:52).",
    "No Substitution occurs.",
)


def of(*families: str) -> pytest.MarkDecorator:
    """Run a test with the encoders of these families alone."""
    return pytest.mark.parametrize("encoder", families, indirect=True, scope="module")


sees = of(*PATCH_PX)


@pytest.fixture(scope="module", params=FAMILIES)
def encoder(request, tmp_path_factory) -> Encoder:
    """Return the encoder of a tiny base, with the model in it."""
    folder = tmp_path_factory.mktemp(request.param)
    # Random weights of the usual size answer the same to everything; larger ones do not.
    tiny_base(folder, request.param, weight_std=0.3, seed=2)
    if request.param == "mistral":
        model = AutoModelForCausalLM.from_pretrained(folder)
        processor, inputs = AutoTokenizer.from_pretrained(folder), ("commentary",)
    else:
        model = AutoModelForImageTextToText.from_pretrained(folder)
        processor, inputs = AutoProcessor.from_pretrained(folder), ("video", "commentary")
    return Encoder(model.eval(), processor, ACTIONS, PromptSettings(inputs=inputs, examples=False))


def branches(encoder: Encoder, questions: list[list[int]]) -> list[tuple[list[int], list[int]]]:
    return [
        (question, encoder.answer_ids(text))
        for question, text in zip(questions, ANSWERS, strict=True)
    ]


def gradients(model, batches: list[dict]) -> tuple[float, dict[str, torch.Tensor]]:
    """Return the mean loss over all answer tokens of the batches, and its gradients."""
    tokens = sum((batch["labels"] != IGNORED).sum() for batch in batches)
    model.zero_grad()
    loss = sum(model(**batch, num_items_in_batch=tokens).loss for batch in batches)
    loss.backward()
    by_name = {name: weight.grad.clone() for name, weight in model.named_parameters()}
    return loss.item(), by_name


def test_loss_and_every_gradient_equal_those_of_separate_sequences(encoder):
    """Two chunks of different lengths in one padded batch, against one sequence per sample."""
    shared, separate = [], []
    for number, frames in ((0, 5), (1, 3)):
        prefix, questions = encoder.encode_prompt(chunk(number, frames, lines=1 + number), ACTIONS)
        pairs = branches(encoder, questions)
        shared.append(pack(prefix, pairs))
        for branch in pairs:
            plain = collate([pack(prefix, [branch])], pad_id=0)
            del plain["attention_mask"]  # the model's own causal attention
            separate.append(plain)
    loss, actual = gradients(encoder.model, [collate(shared, pad_id=0)])
    expected_loss, expected = gradients(encoder.model, separate)
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    for name, gradient in actual.items():
        scale = expected[name].abs().max()
        # The bias of the keys does not change a softmax: its gradient is rounding error.
        assert scale > 1e-6 or name.endswith(("k_proj.bias", "qkv.bias")), f"{name} is not used"
        error = (gradient - expected[name]).abs().max()
        assert error <= 1e-4 * max(scale, 1e-3), f"{name}: {error:.1e} of {scale:.1e}"


@sees
def test_positions_of_separate_sequences_are_the_models_own(encoder):
    """Where a video is not longer than it is wide, transformers' own positions are the same."""
    prefix, questions = encoder.encode_prompt(chunk(frames=2), ACTIONS)
    batch = collate([pack(prefix, branches(encoder, questions)[:1])], pad_id=0)
    ids = batch["input_ids"]
    inputs = {key: batch[key] for key in ("pixel_values_videos", "video_grid_thw")}
    kinds = (ids == encoder.model.config.video_token_id) * 2
    expected = encoder.model(input_ids=ids, mm_token_type_ids=kinds, **inputs).logits
    del batch["attention_mask"], batch["labels"]
    assert torch.allclose(encoder.model(**batch).logits, expected, atol=1e-5)


@sees
def test_text_after_a_long_video_starts_after_its_last_frame(encoder):
    """As Qwen trained it: the largest position of the video plus one, on all axes."""
    prefix, _ = encoder.encode_prompt(chunk(frames=40), ACTIONS)
    is_video = prefix.ids == encoder.model.config.video_token_id
    last = int(is_video.nonzero().max())
    after = prefix.positions[:, last + 1]
    assert after.unique().tolist() == [int(prefix.positions[:, : last + 1].max()) + 1]
    steps = prefix.positions[:, last + 1 :].diff(dim=1)
    assert steps.unique().tolist() == [1]


def broken_off(encoder: Encoder) -> tuple[Prefix, list[list[int]]]:
    """Return questions of different lengths that end in different words.

    Random weights answer questions that end in the same words with the same tokens.
    """
    prefix, questions = encoder.encode_prompt(chunk(), ACTIONS)
    return prefix, [question[: 3 + 2 * number] for number, question in enumerate(questions)]


def test_decoding_all_questions_together_equals_one_prompt_at_a_time(encoder):
    prefix, questions = broken_off(encoder)
    stops = {encoder.tokenizer.eos_token_id}
    together = decode_answers(encoder.model, prefix, questions, 24, stops)
    assert len({tuple(parallel.ids) for parallel in together}) > 1, "the answers do not differ"
    for question, decoded in zip(questions, together, strict=True):
        ids, probabilities = greedy(encoder.model, prefix, question, 24, stops)
        assert decoded.ids == ids
        assert decoded.probabilities == pytest.approx(probabilities, abs=1e-5)


def greedy(model, prefix, question: list[int], limit: int, stops: set[int]):
    """Decode without a cache: the whole sequence again for every token, causal attention."""
    ids, probabilities = [], []
    while len(ids) < limit:
        batch = collate([pack(prefix, [([*question, *ids], [])])], pad_id=0)
        del batch["attention_mask"], batch["labels"]
        with torch.no_grad():
            probability, token = model(**batch).logits[0, -1].softmax(-1).max(-1)
        if int(token) in stops:
            break
        ids.append(int(token))
        probabilities.append(float(probability))
    return ids, probabilities


def test_decoding_stops_at_each_answers_own_end(encoder):
    """A token that one answer has and another has not is made the stop token."""
    prefix, questions = broken_off(encoder)
    free = decode_answers(encoder.model, prefix, questions, 12, stop_ids=())
    assert all(len(decoded.ids) == 12 and not decoded.ended for decoded in free)
    stop = next(
        token
        for decoded in free
        for token in decoded.ids
        if any(token not in other.ids for other in free)
    )
    stopped = decode_answers(encoder.model, prefix, questions, 12, {stop})
    for whole, cut in zip(free, stopped, strict=True):
        end = whole.ids.index(stop) if stop in whole.ids else 12
        assert cut.ids == whole.ids[:end]
        assert len(cut.probabilities) == end
        assert cut.ended == (stop in whole.ids)


def test_labels_read_as_the_answers_alone(encoder):
    prefix, questions = encoder.encode_prompt(chunk(), ACTIONS)
    packed = pack(prefix, branches(encoder, questions))
    for number, text in enumerate(ANSWERS, start=1):
        labels = packed.labels[packed.owner == number]
        assert encoder.tokenizer.decode(labels[labels != IGNORED]) == text + "<|im_end|>"
    assert (packed.labels[packed.owner == 0] == IGNORED).all()
    trained = packed.labels != IGNORED
    assert (packed.ids[trained] == packed.labels[trained]).all()


def test_a_branch_does_not_see_another(encoder):
    """Another question of the same length leaves all other logits as they are, bit for bit."""
    prefix, questions = encoder.encode_prompt(chunk(), ACTIONS)
    pairs = branches(encoder, questions)
    changed = copy.deepcopy(pairs)
    changed[1][0][:] = reversed(changed[1][0])
    before, after = pack(prefix, pairs), pack(prefix, changed)
    with torch.no_grad():
        logits = [
            encoder.model(**collate([packed], pad_id=0)).logits[0] for packed in (before, after)
        ]
    same = (logits[0] == logits[1]).all(dim=-1)
    assert same[before.owner != 2].all()
    assert not same[before.owner == 2].all()


def test_the_mask_shows_the_prefix_and_the_own_branch():
    mask = branch_mask(torch.tensor([[0, 0, 1, 1, 2, -1]]))[0, 0].int()
    assert mask.tolist() == [
        [1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 0, 0],
        [1, 1, 0, 0, 1, 0],
        [1, 1, 0, 0, 0, 1],
    ]
    assert torch.equal(
        branch_mask(torch.tensor([[0, 0, 1, 2, 1, 2]]), last=2)[0, 0].int(),
        torch.tensor([[1, 1, 1, 0, 1, 0], [1, 1, 0, 1, 0, 1]]),
    )


@of("qwen3_vl")  # the only one that writes times between frames by itself
def test_qwen3_prompts_show_the_true_times_of_frames(encoder):
    """The clock of the half: a frame pair of minute 37 stands after its mean time."""
    prefix, _ = encoder.encode_prompt(chunk(frames=4), ACTIONS)
    text = encoder.tokenizer.decode(prefix.ids)
    assert text.count("<|vision_start|>") == 2
    assert "user\n<2220.5 seconds><|vision_start|><|video_pad|>" in text
    assert "<|vision_end|><2222.5 seconds><|vision_start|>" in text


@sees
@pytest.mark.parametrize("frames", [1, 5])
def test_time_marks_stand_before_each_pair_of_frames(encoder, frames):
    marked = copy.copy(encoder)
    marked.settings = PromptSettings(clock="chunk", time_marks=True)
    prefix, _ = marked.encode_prompt(chunk(frames=frames), ACTIONS)
    text = encoder.tokenizer.decode(prefix.ids)
    assert text.count("<00:0") == len(range(0, frames, 2))
    assert prefix.vision["video_grid_thw"][:, 0].tolist() == [1] * len(range(0, frames, 2))
