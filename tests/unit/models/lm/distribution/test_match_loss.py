"""The training objective `match`: its value, its gradient, and that nothing leaks into it."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from chunks import ACTIONS, chunk, tiny_base
from sliding_bases import sliding_base
from touchline.models.lm import loader
from touchline.models.lm.distribution.answer_set import (
    first_answers,
    further_answers,
    moments_of,
)
from touchline.models.lm.distribution.answer_trie import cut_where_decided
from touchline.models.lm.distribution.match_loss import (
    TRIES,
    collate_tries,
    make_target,
    pack_tries,
)
from touchline.models.lm.shared_prefix import IGNORED, collate, pack
from touchline.models.lm.tokenize import Encoder
from touchline.prompts.prompt_text import PromptSettings

ASKED = ACTIONS[:3]
START_S = 2220.0
EVENTS_S = {"goal": [START_S + 8.3, START_S + 15.2], "corner": [], "foul": [START_S + 1.0]}


@pytest.fixture(scope="module", params=["qwen2_vl", "gemma3_text"])
def encoder(request, tmp_path_factory) -> Encoder:
    folder = tmp_path_factory.mktemp(request.param)
    if sees := request.param == "qwen2_vl":
        tiny_base(folder, request.param, weight_std=0.1, seed=2)
    else:
        sliding_base(folder, request.param)
    model, processor = loader.load_base(str(folder), None, "cpu", vision=sees)
    inputs = ("video", "commentary") if sees else ("commentary",)
    settings = PromptSettings(instructions=False, inputs=inputs)
    return Encoder(model.eval(), processor, ASKED, settings)


def shown(frames: int = 4, lines: int = 2):
    return replace(chunk(frames=frames, lines=lines), end_s=START_S + 20)


def loss(encoder: Encoder, batch: dict, weight: float) -> torch.Tensor:
    batch = dict(batch)
    loss_of, _ = batch.pop(TRIES), batch.pop("labels")
    logits = encoder.model(**batch, logits_to_keep=loss_of.kept).logits
    return loss_of(logits, weight)


@torch.no_grad()
def log_probability(encoder: Encoder, question: list[int], answer: list[int], given: int) -> float:
    """Return the log-probability of an answer's tokens from `given` on, in a sequence of its own."""
    prefix, _ = encoder.encode_prompt(shown(), ASKED)
    batch = collate([pack(prefix, [(question, answer)])], pad_id=0)
    del batch["attention_mask"], batch["labels"]
    logs = encoder.model(**batch).logits[0, -len(answer) - 1 : -1].log_softmax(-1)
    return float(logs.gather(1, torch.tensor(answer)[:, None])[given:].sum())


def test_the_loss_is_that_of_sequences_of_their_own(encoder):
    place = shown()
    _, questions = encoder.encode_prompt(place, ASKED)
    moments = moments_of(place, encoder)
    expected = 0.0
    for action, question in zip(ASKED, questions, strict=True):
        first = cut_where_decided(first_answers(encoder, action, moments))
        events_s = EVENTS_S[action]
        if not events_s:
            expected -= log_probability(encoder, question, first[0], 0)
            continue
        logs = [
            log_probability(encoder, question, first[1 + number], 0)
            for number, time_s in enumerate(moments.times_s)
            if abs(time_s - events_s[0]) < 6.46
        ]
        expected -= np.logaddexp.reduce(logs)
        chosen = [moments.index_of(time_s) for time_s in events_s]
        for n, number in enumerate(chosen):
            further = further_answers(encoder, action, moments, chosen[: n + 1])
            given = encoder.tokenize(moments.answer(action, chosen[: n + 1]))
            further = cut_where_decided(further)
            logs = [
                log_probability(encoder, question, further[row], len(given))
                for row in (
                    [0]
                    if n + 1 == len(chosen)
                    else [
                        other - number
                        for other, time_s in enumerate(moments.times_s)
                        if other > number and abs(time_s - events_s[n + 1]) < 6.46
                    ]
                )
            ]
            expected -= np.logaddexp.reduce(logs)
    with torch.no_grad():
        actual = loss(encoder, collate_tries([pack_tries(encoder, place, EVENTS_S)], 0), 1.0)
    assert float(actual) == pytest.approx(expected, rel=1e-5)


def test_without_weight_it_is_the_cross_entropy_of_the_targets(encoder):
    place = shown()
    prefix, questions = encoder.encode_prompt(place, ASKED)
    moments = moments_of(place, encoder)
    answers = []
    for action in ASKED:
        chosen = [moments.index_of(time_s) for time_s in EVENTS_S[action]]
        answers.append(encoder.answer_ids(moments.answer(action, chosen)))
    batch = collate([pack(prefix, list(zip(questions, answers, strict=True)))], 0)
    tokens = (batch["labels"] != IGNORED).sum()
    tries = collate_tries([pack_tries(encoder, place, EVENTS_S)], 0)
    assert (tries["labels"][..., 1:] != IGNORED).sum() == tokens
    with torch.no_grad():
        expected = encoder.model(**batch, num_items_in_batch=1).loss
        assert float(loss(encoder, tries, 0.0)) == pytest.approx(float(expected), rel=1e-5)


def test_the_gradient_is_that_of_finite_differences(encoder):
    model = copy.deepcopy(encoder.model).double()
    exact = Encoder(model, encoder.processor, ASKED, encoder.settings)
    batch = collate_tries([pack_tries(exact, shown(), EVENTS_S)], 0)
    for name in ("pixel_values_videos",):
        if name in batch:
            batch[name] = batch[name].double()
    weight = next(
        w for name, w in model.named_parameters() if name.endswith("1.mlp.up_proj.weight")
    )
    model.zero_grad()
    loss(exact, batch, 0.7).backward()
    torch.manual_seed(0)
    direction = torch.randn_like(weight)
    step = 1e-3
    values = []
    for sign in (1, -1):
        with torch.no_grad():
            weight += sign * step * direction
            values.append(float(loss(exact, batch, 0.7)))
            weight -= sign * step * direction
    slope = (values[0] - values[1]) / (2 * step)
    assert slope == pytest.approx(float((weight.grad * direction).sum()), rel=1e-3)
    assert abs(slope) > 1e-3


def test_neither_padding_nor_another_chunk_changes_the_loss_or_its_gradient(encoder):
    long = pack_tries(encoder, shown(frames=6, lines=2), EVENTS_S)
    short = pack_tries(encoder, shown(frames=2, lines=1), {"goal": [START_S + 12]})
    results = []
    for batches in ([[long, short]], [[long], [short]]):
        encoder.model.zero_grad()
        total = torch.stack([loss(encoder, collate_tries(b, 0), 0.5) for b in batches]).sum()
        total.backward()
        grads = {
            n: w.grad.clone() for n, w in encoder.model.named_parameters() if w.grad is not None
        }
        results.append((total.item(), grads))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-5)
    for name, gradient in results[0][1].items():
        scale = results[1][1][name].abs().max()
        assert (gradient - results[1][1][name]).abs().max() <= 2e-4 * max(scale, 1e-3), name


def test_a_model_that_is_certain_of_a_right_start_has_no_loss(encoder):
    """The logits are replaced by ones in which some matching answer of each question is certain."""
    batch = collate_tries([pack_tries(encoder, shown(), EVENTS_S)], 0)
    loss_of = batch[TRIES]
    logits = torch.zeros(int(loss_of.kept.sum()), len(encoder.tokenizer) + 64)
    for edge in reversed(loss_of.paths.tolist()):
        row, token = loss_of.rows[edge].tolist()
        logits[row] = 0
        logits[row, token] = 100
    for weight in (0.0, 0.5, 1.0):
        assert float(loss_of(logits, weight)) == pytest.approx(0, abs=1e-5)
    for term in loss_of.terms:  # certain of another start that matches: right, but not the target
        if len(term) > 3:
            for path in term[:1].tolist():
                for edge in [edge for edge in path if edge >= 0]:
                    row, token = loss_of.rows[edge].tolist()
                    logits[row] = 0
                    logits[row, token] = 100
    assert float(loss_of(logits, 1.0)) == pytest.approx(0, abs=1e-5)
    assert float(loss_of(logits, 0.0)) > 90
    assert float(loss_of(-logits, 1.0)) > 90


def test_a_chunk_that_could_not_be_read_has_no_loss(encoder):
    batch = collate_tries([pack_tries(encoder, shown(), {})], 0)
    assert batch["labels"].numel() == 1
    value = loss(encoder, batch, 0.5)
    value.backward()
    assert value == 0


def test_the_gradient_is_what_sampled_rewards_estimate(encoder):
    """Policy gradients: the mean of reward times the gradient of the sample's log-probability.

    With logits as parameters, on 20,000 answers that are sampled from them; the reward is 1 where
    the first start matches. minus the gradient of the loss is that of the reward's mean by the mean.
    """
    place, events_s = shown(), {"goal": [START_S + 9.0]}
    moments = moments_of(place, encoder)
    target = make_target(encoder, "goal", moments, events_s["goal"])
    rows = cut_where_decided(first_answers(encoder, "goal", moments))
    paths = target.trie.paths[1 : 1 + len(rows)]
    matches = np.array([path in target.terms[0] for path in paths])
    assert 5 < matches.sum() < len(paths) - 5
    generator = torch.Generator().manual_seed(0)
    nodes = sorted({node for node, _ in target.trie.edges})
    free = torch.randn(len(target.trie.edges), generator=generator, dtype=torch.float64)
    uses = np.bincount(np.concatenate(paths), minlength=len(free))
    free[np.flatnonzero(uses > 15)] += 6  # what the sentences share is likely
    free.requires_grad_()

    def logs() -> torch.Tensor:
        """Return the edges' log-probabilities: a softmax at each node, with one way out of the trie."""
        parts = torch.empty(0, dtype=torch.float64)
        order: list[int] = []
        for node in nodes:
            edges = [number for number, (start, _) in enumerate(target.trie.edges) if start == node]
            scores = torch.cat([free[edges], torch.zeros(1, dtype=torch.float64)])
            parts = torch.cat([parts, scores.log_softmax(0)[:-1]])
            order += edges
        return parts[torch.tensor(order).argsort()]

    answers = torch.stack([logs()[path].sum() for path in paths])
    scores = torch.stack([torch.autograd.grad(a, free, retain_graph=True)[0] for a in answers])
    loss_of_start = -answers[torch.from_numpy(matches)].logsumexp(0)
    (exact,) = torch.autograd.grad(loss_of_start, free)
    probabilities = answers.detach().exp().numpy()
    drawn = np.random.default_rng(0).choice(
        len(paths) + 1, 20_000, p=[*probabilities, 1 - probabilities.sum()]
    )
    rewards = np.append(matches, False)[drawn][:, None]
    samples = rewards * np.vstack([scores.numpy(), np.zeros(len(free))])[drawn]
    expected = -exact.numpy() * np.exp(-float(loss_of_start.detach()))
    squares = (probabilities * matches) @ scores.numpy() ** 2
    error = np.sqrt((squares - expected**2) / len(drawn))
    off = np.abs(samples.mean(axis=0) - expected)
    assert (off <= 4.5 * error + 1e-12).all()
    assert (np.abs(expected) > 10 * error).sum() > 3
