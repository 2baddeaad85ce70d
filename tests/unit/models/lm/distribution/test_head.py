"""Only the tokens before a label go through the head, and the loss is the model's own."""

import pytest
import torch

from chunks import ACTIONS, chunk, tiny_base
from sliding_bases import sliding_base
from touchline.models.lm import loader
from touchline.models.lm.distribution import head
from touchline.models.lm.distribution.head import kept_logits, label_loss
from touchline.models.lm.distribution.match_loss import TRIES, collate_tries, pack_tries
from touchline.models.lm.shared_prefix import IGNORED, collate, pack
from touchline.models.lm.tokenize import Encoder
from touchline.prompts.prompt_text import PromptSettings

ANSWERS = ("A Goal occurs at (37:05, 37:17).", "No Corner occurs.")


@pytest.fixture(scope="module", params=["qwen2_vl", "gemma2"])
def encoder(request, tmp_path_factory) -> Encoder:
    """Return a tiny encoder; Gemma 2 caps its logits after the head."""
    folder = tmp_path_factory.mktemp(request.param)
    if sees := request.param == "qwen2_vl":
        tiny_base(folder, request.param, weight_std=0.3, seed=2)
    else:
        sliding_base(folder, request.param)
    model, processor = loader.load_base(str(folder), None, "cpu", vision=sees)
    inputs = ("video", "commentary") if sees else ("commentary",)
    return Encoder(model, processor, ACTIONS[:2], PromptSettings(inputs=inputs, examples=False))


@pytest.fixture
def rows(encoder):
    """Return the numbers of rows that the head has computed."""
    seen: list[int] = []
    hook = encoder.model.get_output_embeddings().register_forward_hook(
        lambda *call: seen.append(call[-1].shape.numel() // call[-1].shape[-1])
    )
    yield seen
    hook.remove()


def batch_of_two(encoder: Encoder) -> dict:
    packed = []
    for number in range(2):
        shown = chunk(number, frames=4 - number, lines=1 + number)
        prefix, questions = encoder.encode_prompt(shown, ACTIONS[:2])
        answers = map(encoder.answer_ids, ANSWERS)
        packed.append(pack(prefix, list(zip(questions, answers, strict=True))))
    return collate(packed, pad_id=0)


def test_the_loss_and_its_gradients_are_the_models_own(encoder, rows, monkeypatch):
    monkeypatch.setattr(head, "PIECE", 7)  # several pieces
    batch = batch_of_two(encoder)
    results = []
    for loss_of in (label_loss, lambda model, inputs: model(**inputs, num_items_in_batch=1).loss):
        encoder.model.zero_grad()
        loss = loss_of(encoder.model, batch)
        loss.backward()
        gradients = {name: weight.grad for name, weight in encoder.model.named_parameters()}
        results.append((loss.item(), gradients))
    (loss, gradients), (expected, of_model) = results
    assert loss == pytest.approx(expected, rel=1e-5)
    for name, gradient in gradients.items():
        error = (gradient - of_model[name]).abs().max()
        assert error <= 1e-4 * max(of_model[name].abs().max(), 1e-3), name
    labels = int((batch["labels"] != IGNORED).sum())
    assert rows == [labels, batch["labels"].numel()]
    assert labels < batch["labels"].numel() / 4


def test_a_batch_without_labels_has_no_loss(encoder, rows):
    batch = batch_of_two(encoder)
    batch["labels"].fill_(IGNORED)
    loss = label_loss(encoder.model, batch)
    loss.backward()
    assert loss == 0
    assert rows == [0]


def test_tries_need_each_of_their_nodes_once(encoder, rows):
    events_s = {"goal": [2230.0], "corner": []}
    chunks = [pack_tries(encoder, chunk(frames=3, lines=n), events_s) for n in (1, 2)]
    batch = collate_tries(chunks, 0)
    loss_of = batch.pop(TRIES)
    del batch["labels"]
    with torch.no_grad():
        loss_of(kept_logits(encoder.model, batch, loss_of.kept), 0.5)
    assert rows == [sum(len(set(packed.rows)) for packed in chunks)]
