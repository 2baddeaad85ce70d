"""Models with sliding-window attention: the shared prefix equals separate sequences."""

from dataclasses import replace

import pytest
import torch
import transformers

from chunks import ACTIONS, chunk
from sliding_bases import SLIDING_FAMILIES, WINDOW, sliding_base, sliding_vision_base, text_base
from touchline.core.problems import InputError
from touchline.demo.tiny_models import make_tokenizer
from touchline.models.lm import loader
from touchline.models.lm.attention_masks import (
    Attention,
    branch_mask,
    layer_masks,
    sequence_places,
)
from touchline.models.lm.shared_prefix import IGNORED, Packed, collate, decode_answers, pack
from touchline.models.lm.tokenize import Encoder
from touchline.prompts.prompt_text import PromptSettings

ANSWERS = ("A Goal occurs at (37:05, 37:17).", "No Corner occurs.")
TEXT = PromptSettings(inputs=("commentary",), instructions=False)


@pytest.fixture(scope="module", params=[*SLIDING_FAMILIES, "qwen2_vl"])
def encoder(request, tmp_path_factory) -> Encoder:
    folder, family = tmp_path_factory.mktemp(request.param), request.param
    if sees := family == "qwen2_vl":  # a window counts tokens, also where positions have three axes
        sliding_vision_base(folder)
    else:
        sliding_base(folder, family)
    model, processor = loader.load_base(str(folder), None, "cpu", vision=sees)
    settings = replace(TEXT, inputs=("video", "commentary")) if sees else TEXT
    return Encoder(model.eval(), processor, ACTIONS, settings)


def gradients(model, batches: list[dict]) -> tuple[float, dict[str, torch.Tensor]]:
    """Return the mean loss over all answer tokens of the batches, and its gradients."""
    tokens = sum((batch["labels"] != IGNORED).sum() for batch in batches)
    model.zero_grad()
    loss = sum(model(**batch, num_items_in_batch=tokens).loss for batch in batches)
    loss.backward()
    return loss.item(), {name: weight.grad.clone() for name, weight in model.named_parameters()}


def separate(packed: Packed) -> dict:
    """Return a batch of one sequence, for which the model makes its own masks."""
    batch = collate([packed], pad_id=0)
    del batch["attention_mask"]
    return batch


def test_loss_and_gradients_equal_those_of_separate_sequences(encoder):
    shared, alone = [], []
    for number in range(2):  # of different lengths, in one padded batch
        prefix, questions = encoder.encode_prompt(chunk(number, lines=1 + number), ACTIONS[:2])
        assert len(prefix.ids) > 2 * WINDOW
        pairs = [
            (question, encoder.answer_ids(text))
            for question, text in zip(questions, ANSWERS, strict=True)
        ]
        shared.append(pack(prefix, pairs))
        alone += [separate(pack(prefix, [pair])) for pair in pairs]
    loss, actual = gradients(encoder.model, [collate(shared, pad_id=0)])
    expected_loss, expected = gradients(encoder.model, alone)
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    for name, gradient in actual.items():
        scale = expected[name].abs().max()
        error = (gradient - expected[name]).abs().max()
        assert error <= 2e-4 * max(scale, 1e-3), f"{name}: {error:.1e} of {scale:.1e}"


def test_answers_decoded_together_equal_those_of_separate_prompts(encoder):
    prefix, questions = encoder.encode_prompt(chunk(), ACTIONS[:2])
    questions = [questions[0][:4], questions[1][:7]]
    together = decode_answers(encoder.model, prefix, questions, WINDOW + 6, ())
    for question, decoded in zip(questions, together, strict=True):
        whole = separate(pack(prefix, [([*question, *decoded.ids], [])]))
        del whole["labels"]
        with torch.no_grad():
            logits = encoder.model(**whole).logits[0, -len(decoded.ids) - 1 : -1]
        probabilities, tokens = logits.softmax(-1).max(-1)
        assert decoded.ids == tokens.tolist()
        assert decoded.probabilities == pytest.approx(probabilities.tolist(), abs=1e-5)


def test_a_window_counts_tokens_of_the_separate_sequence():
    owner = torch.tensor([[0, 0, 0, 1, 1, 2, 2, -1]])
    assert sequence_places(owner).tolist() == [[0, 1, 2, 3, 4, 3, 4, 3]]
    masks = layer_masks(
        branch_mask(owner), owner, Attention({"full_attention": None, "sliding_attention": 3})
    )
    assert masks["sliding_attention"][0, 0].int().tolist() == [
        [1, 0, 0, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0, 0],
        [0, 1, 1, 1, 0, 0, 0, 0],
        [0, 0, 1, 1, 1, 0, 0, 0],
        [0, 1, 1, 0, 0, 1, 0, 0],
        [0, 0, 1, 0, 0, 1, 1, 0],
        [0, 1, 1, 0, 0, 0, 0, 1],
    ]


STATES = {
    "mamba": ("MambaConfig", {}),
    "rwkv": ("RwkvConfig", {"attention_hidden_size": 32}),
    "lfm2": ("Lfm2Config", {"layer_types": ["conv", "full_attention", "conv"]}),
    "qwen3_next": ("Qwen3NextConfig", {}),
    "jamba": ("JambaConfig", {}),
    "bloom": ("BloomConfig", {}),  # positions come from the mask
}


@pytest.mark.parametrize("family", STATES)
def test_families_whose_layers_take_no_mask_are_refused(family, tmp_path, tiny_tokenizer):
    config, settings = STATES[family]
    getattr(transformers, config)(num_hidden_layers=3, **settings).save_pretrained(tmp_path)
    tiny_tokenizer.save_pretrained(tmp_path)
    with pytest.raises(InputError, match=f"its family, {family}, is not supported: it") as error:
        loader.load_base(str(tmp_path), None, "cpu", vision=False)
    assert "\n" not in str(error.value)


@pytest.fixture(scope="module")
def tiny_tokenizer():
    return make_tokenizer(["a goal"], 300)


def test_a_family_that_ignores_the_setting_has_no_window(tmp_path):
    folder = text_base(tmp_path, "LlamaConfig", "LlamaForCausalLM", sliding_window=WINDOW)
    model, tokenizer = loader.load_base(str(folder), None, "cpu", vision=False)
    assert model.config.sliding_window == WINDOW
    prefix, _ = Encoder(model, tokenizer, ACTIONS, TEXT).encode_prompt(chunk(), ACTIONS)
    assert prefix.attention == Attention({"full_attention": None})
