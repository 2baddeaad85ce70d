"""Block-sparse attention is that of the dense mask: losses, gradients, and probabilities of tries.

On a CPU flex attention runs without a compiler, as plain tensor operations, and torch refuses to take
its gradients there. These tests lift that check: forward and backward pass are torch's own definition
of the operator. The compiled kernel of a GPU is not tested here.
"""

import pytest
import torch
from torch.nn.attention import flex_attention as torch_flex

from chunks import ACTIONS, chunk, tiny_base
from sliding_bases import SLIDING_FAMILIES, sliding_base, sliding_vision_base, text_base
from touchline.core.problems import InputError
from touchline.demo.tiny_models import FAMILIES
from touchline.models.lm import flex_attention, loader
from touchline.models.lm.attention_masks import (
    BLOCK,
    PADDING,
    Attention,
    attention_of,
    branch_mask,
    branch_spans,
    layer_masks,
    span_masks,
)
from touchline.models.lm.distribution.answer_set import first_answers, moments_of
from touchline.models.lm.distribution.answer_trie import (
    build_trie,
    cut_where_decided,
    log_probabilities,
    plant,
)
from touchline.models.lm.distribution.head import kept_logits, label_loss
from touchline.models.lm.distribution.match_loss import TRIES, collate_tries, pack_tries
from touchline.models.lm.finetuning import trainer
from touchline.models.lm.lm_settings import TrainingSettings
from touchline.models.lm.shared_prefix import collate, decode_answers, pack, prefill
from touchline.models.lm.tokenize import Encoder
from touchline.prompts.prompt_text import PromptSettings

ASKED = ACTIONS[:2]
ANSWERS = ("A Goal occurs at (37:05, 37:17).", "No Corner occurs.")
EVENTS_S = {"goal": [2230.0, 2241.0], "corner": []}


@pytest.fixture
def with_gradients(monkeypatch):
    """Make flex attention take gradients on a CPU."""
    monkeypatch.setattr(torch_flex, "_validate_device", lambda *_: None)


@pytest.fixture(
    scope="module",
    params=[*FAMILIES, *(f"sliding {family}" for family in (*SLIDING_FAMILIES, "qwen2_vl"))],
)
def encoders(request, tmp_path_factory) -> tuple[Encoder, Encoder]:
    """Return the encoders of a base with a dense mask, and of the same with block masks."""
    folder, family = tmp_path_factory.mktemp("base"), request.param.split()[-1]
    sees = family.startswith("qwen") and "vl" in family
    if request.param in FAMILIES:
        tiny_base(folder, family, weight_std=0.3, seed=2)
    elif sees:
        sliding_vision_base(folder)
    else:
        sliding_base(folder, family)
    inputs = ("video", "commentary") if sees else ("commentary",)
    settings = PromptSettings(inputs=inputs, instructions=False)
    made = []
    for attention in ("sdpa", "flex"):
        model, processor = loader.load_base(str(folder), None, "cpu", sees, attention)
        assert attention_of(model).sparse == (attention == "flex")
        made.append(Encoder(model.eval(), processor, ASKED, settings))
    return made[0], made[1]


def two_chunks(encoder: Encoder) -> dict:
    """Return two chunks of different lengths, which are padded."""
    packed = []
    for number in range(2):
        shown = chunk(number, frames=6 - 2 * number, lines=1 + number)
        prefix, questions = encoder.encode_prompt(shown, ASKED)
        answers = map(encoder.answer_ids, ANSWERS)
        packed.append(pack(prefix, list(zip(questions, answers, strict=True))))
    return collate(packed, pad_id=0)


def two_chunks_of_tries(encoder: Encoder) -> dict:
    shown = [chunk(number, frames=6 - 2 * number, lines=1 + number) for number in range(2)]
    return collate_tries([pack_tries(encoder, one, EVENTS_S) for one in shown], pad_id=0)


def match_loss(model, batch: dict) -> torch.Tensor:
    inputs = dict(batch)
    loss_of, _ = inputs.pop(TRIES), inputs.pop("labels")
    return loss_of(kept_logits(model, inputs, loss_of.kept), 0.5)


@pytest.mark.parametrize(
    ("make", "loss_of"), [(two_chunks, label_loss), (two_chunks_of_tries, match_loss)]
)
def test_losses_and_gradients_are_those_of_the_dense_mask(encoders, make, loss_of, with_gradients):
    losses, gradients = [], []
    for encoder in encoders:
        batch = make(encoder)
        encoder.model.zero_grad()
        loss = loss_of(encoder.model, batch)
        loss.backward()
        losses.append(loss.item())
        gradients.append(
            {name: weight.grad.clone() for name, weight in encoder.model.named_parameters()}
        )
    assert batch["input_ids"].shape[1] % BLOCK == 0  # of few lengths, for the compiler
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    for name, dense in gradients[0].items():
        error, scale = (gradients[1][name] - dense).abs().max(), dense.abs().max()
        assert error <= 2e-4 * max(scale, 1e-3), f"{name}: {error:.1e} of {scale:.1e}"


def test_tries_after_a_prefix_have_the_same_probabilities(encoders, with_gradients):
    found = []
    for encoder in encoders:
        shown = chunk()
        prefix, questions = encoder.encode_prompt(shown, ASKED)
        moments = moments_of(shown, encoder)
        tries = [
            build_trie(cut_where_decided(first_answers(encoder, action, moments)))
            for action in ASKED
        ]
        with torch.no_grad():
            cache = prefill(encoder.model, prefix)
            forest = plant(questions, tries)
            (logs,) = log_probabilities(encoder.model, [prefix], cache, [forest], [tries])
        words = decode_answers(encoder.model, prefix, questions, 4, ())  # by a dense mask
        found.append((torch.cat(logs), [decoded.ids for decoded in words]))
    assert torch.allclose(found[0][0], found[1][0], rtol=1e-5, atol=1e-4)
    assert found[0][1] == found[1][1]


@pytest.mark.parametrize("window", [None, 40, 300])
def test_block_masks_show_what_the_dense_mask_shows(window):
    """Blocks are of three kinds, and no block of padding sees the prefix."""
    rows = [
        [0] * 500 + [1] * 90 + [2] * 30 + [3] * 150 + [4] * 20 + [PADDING] * 10,
        [0] * 130 + [1] * 128 + [2] * 5 + [PADDING] * 537,
    ]
    owner = torch.tensor(rows)
    attention = Attention({"full_attention": window})
    dense = layer_masks(branch_mask(owner), owner, attention)
    spans = branch_spans(owner)
    real = owner != PADDING
    assert torch.equal(span_masks(spans, attention)[:, 0][real], dense[:, 0][real])
    for queries in (800, 384, 77):
        mask = flex_attention.block_mask(spans, queries, window)
        index = torch.arange(800)
        tokens = mask.mask_mod(
            torch.arange(2)[:, None, None], 0, torch.arange(queries)[:, None], index
        )
        shown = real[:, -queries:]
        assert torch.equal(tokens[shown], dense[:, 0, -queries:][shown])
        blocks = torch.zeros(2, -(-queries // BLOCK), 7, dtype=torch.int)
        for kind, numbers, order in (
            (1, mask.kv_num_blocks, mask.kv_indices),
            (2, mask.full_kv_num_blocks, mask.full_kv_indices),
        ):
            for batch, row in torch.cartesian_prod(torch.arange(2), torch.arange(len(blocks[0]))):
                blocks[batch, row, order[batch, 0, row, : numbers[batch, 0, row]].long()] = kind
        whole = blocks.repeat_interleave(BLOCK, 1).repeat_interleave(BLOCK, 2)
        whole = whole[:, :queries, :800]
        assert not tokens[whole == 0].any()
        assert tokens[whole == 2].all()
        assert (whole == 0).any()
        assert (whole == 2).any() or window == 40 or queries < BLOCK
    assert mask.sparsity() > 0


def test_a_model_with_an_adapter_takes_spans_too(tmp_path):
    """PEFT calls the forward pass of the whole model without its hooks."""
    base, losses = text_base(tmp_path, "LlamaConfig", "LlamaForCausalLM"), []
    for attention in ("sdpa", "flex"):
        model, tokenizer = loader.load_base(str(base), None, "cpu", False, attention)
        encoder = Encoder(model, tokenizer, ASKED, PromptSettings(inputs=("commentary",)))
        adapted = loader.add_adapter(model, loader.LoraSettings(rank=2), seed=0).eval()
        with torch.no_grad():
            losses.append(float(label_loss(adapted, two_chunks(encoder))))
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


def test_what_flex_attention_cannot_do_is_said(tmp_path):
    dropout = text_base(
        tmp_path / "dropout", "LlamaConfig", "LlamaForCausalLM", attention_dropout=0.1
    )
    with pytest.raises(InputError, match="attention is flex, but the base has a dropout"):
        loader.load_base(str(dropout), None, "cpu", vision=False, attention="flex")
    base = text_base(tmp_path / "base", "LlamaConfig", "LlamaForCausalLM")
    model, tokenizer = loader.load_base(str(base), None, "cpu", vision=False)
    assert model.config._attn_implementation == "sdpa"  # auto, on a CPU
    model, tokenizer = loader.load_base(str(base), None, "cpu", vision=False, attention="flex")
    encoder = Encoder(model, tokenizer, ASKED, PromptSettings(inputs=("commentary",)))
    with pytest.raises(InputError, match="attention is flex, with which torch trains on a GPU"):
        trainer.train(model, encoder, [None], TrainingSettings(), tmp_path / "checkpoints")


@pytest.mark.parametrize("window", [None, 40])
def test_attention_that_differs_is_not_taken(monkeypatch, with_gradients, window):
    """The trial that a GPU gets before it is used, on a CPU."""
    settings = (torch.device("cpu"), torch.float32, (4, 2, 2), 16, window)
    flex_attention._try(*settings)
    shown = flex_attention.block_mask
    monkeypatch.setattr(flex_attention, "block_mask", lambda *given: shown(*given[:2], 30))
    with pytest.raises(ValueError, match="it differs from the dense mask by"):
        flex_attention._try(*settings)


def test_a_compiled_kernel_is_compiled_for_two_lengths_and_then_for_all():
    """Without a window, which the compiler of a CPU does not manage."""
    torch._dynamo.reset()
    graphs = torch._dynamo.utils.counters["stats"]
    before, compiled = graphs["unique_graphs"], []
    attend = torch.compile(torch_flex.flex_attention)
    for length in (256, 384, 640, 512):
        owner = (torch.arange(length) - length // 2 + 7).clamp(min=0) // 23
        spans = branch_spans(owner[None])
        inputs = [torch.randn(1, 2, length, 16) for _ in range(3)]
        with torch.no_grad():
            sparse = attend(*inputs, block_mask=flex_attention.block_mask(spans, length))
        dense = torch.nn.functional.scaled_dot_product_attention(
            *inputs, attn_mask=span_masks(spans, Attention())
        )
        assert torch.allclose(sparse, dense, atol=1e-5)
        compiled.append(graphs["unique_graphs"] - before)
    assert compiled == [1, 2, 2, 2]
