"""The probabilities of a trie's answers are those of the answers as sequences of their own."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from chunks import ACTIONS, LINES, chunk, tiny_base
from sliding_bases import WINDOW, sliding_base
from touchline.core.clock import CLOCKS
from touchline.demo.tiny_models import FAMILIES
from touchline.models.lm import loader
from touchline.models.lm.distribution.answer_set import first_answers, moments_of
from touchline.models.lm.distribution.answer_trie import (
    answer_logs,
    build_trie,
    cut_where_decided,
    log_probabilities,
    plant,
)
from touchline.models.lm.shared_prefix import Prefix, collate, decode_answers, pack, prefill
from touchline.models.lm.tokenize import Chunk, Encoder
from touchline.prompts.prompt_text import PromptSettings

PROMPT = PromptSettings(instructions=False)
ASKED = ACTIONS[:2]


@pytest.fixture(scope="module", params=[*FAMILIES, "gemma3_text"])
def encoder(request, tmp_path_factory) -> Encoder:
    folder, family = tmp_path_factory.mktemp(request.param), request.param
    if family in FAMILIES:
        tiny_base(folder, family, weight_std=0.3, seed=2)
    else:
        sliding_base(folder, family)
    sees = family.startswith("qwen")
    model, processor = loader.load_base(str(folder), None, "cpu", vision=sees)
    inputs = ("video", "commentary") if sees else ("commentary",)
    return Encoder(model.eval(), processor, ASKED, replace(PROMPT, inputs=inputs))


def shown(half: int, start_s: float, length_s: float) -> Chunk:
    """Return a chunk of noise at this place."""
    return replace(chunk(), half=half, start_s=start_s, end_s=start_s + length_s)


def together(encoder: Encoder, prefix: Prefix, questions, answers) -> list[np.ndarray]:
    """Return the log-probabilities of each question's answers, in one pass for all questions."""
    tries = [build_trie(rows) for rows in answers]
    with torch.no_grad():
        cache = prefill(encoder.model, prefix)
        (logs,) = log_probabilities(
            encoder.model, [prefix], cache, [plant(questions, tries)], [tries]
        )
    assert cache.get_seq_length() == len(prefix.ids)  # for another pass
    return [answer_logs(trie, edges.numpy()) for trie, edges in zip(tries, logs, strict=True)]


@torch.no_grad()
def alone(encoder: Encoder, prefix: Prefix, question: list[int], answer: list[int]) -> float:
    """Return the log-probability of an answer as a sequence of its own, by causal attention."""
    batch = collate([pack(prefix, [(question, answer)])], pad_id=0)
    del batch["attention_mask"], batch["labels"]
    logs = encoder.model(**batch).logits[0, -len(answer) - 1 : -1].log_softmax(-1)
    return float(logs.gather(1, torch.tensor(answer)[:, None]).sum())


@pytest.mark.parametrize("clock", CLOCKS)
def test_every_answer_has_the_probability_of_its_own_sequence(encoder, clock):
    """Across the hour of the half, and whole answers as well as their decisive beginnings."""
    encoder.settings = replace(encoder.settings, clock=clock)
    place = shown(2, 3590.0, 20.0)
    prefix, questions = encoder.encode_prompt(place, ASKED)
    moments = moments_of(place, encoder)
    answers = [first_answers(encoder, action, moments) for action in ASKED]
    assert {len(rows) for rows in answers} == {22}
    decisive = [cut_where_decided(rows) for rows in answers]
    every = [0, 1, 2, 8, 14, 21]  # also the edges, whose starts or ends are the same
    for given in (answers, decisive):
        actual = together(encoder, prefix, questions, given)
        for question, rows, logs in zip(questions, given, actual, strict=True):
            expected = [alone(encoder, prefix, question, rows[number]) for number in every]
            assert logs[every] == pytest.approx(expected, rel=1e-5, abs=1e-5)
            assert np.exp(logs).sum() <= 1 + 1e-5


def test_questions_together_have_the_probabilities_that_each_has_alone(encoder):
    place = shown(1, 2700.0 - 13, 13.0)
    prefix, questions = encoder.encode_prompt(place, ASKED)
    moments = moments_of(place, encoder)
    answers = [cut_where_decided(first_answers(encoder, action, moments)) for action in ASKED]
    for number, logs in enumerate(together(encoder, prefix, questions, answers)):
        (single,) = together(encoder, prefix, [questions[number]], [answers[number]])
        assert logs == pytest.approx(single, rel=1e-5, abs=1e-5)


def test_chunks_of_a_batch_have_the_probabilities_that_each_has_alone(encoder):
    """Prefixes and tries of different lengths, also of a chunk that is asked nothing."""
    rows = []
    for number in range(3):
        place = replace(shown(1, 60.0 * number, 20.0 - 4 * number), lines=LINES[:number])
        prefix, questions = encoder.encode_prompt(place, ASKED)
        moments, asked = moments_of(place, encoder), questions[: (2, 0, 1)[number]]
        tries = [
            build_trie(cut_where_decided(first_answers(encoder, action, moments)))
            for action, _ in zip(ASKED, asked, strict=False)
        ]
        rows.append((prefix, plant(asked, tries), tries))
    prefixes, forests, tries = map(list, zip(*rows, strict=True))
    with torch.no_grad():
        cache = prefill(encoder.model, *prefixes)
        together = log_probabilities(encoder.model, prefixes, cache, forests, tries)
        assert cache.get_seq_length() == max(len(prefix.ids) for prefix in prefixes)
        assert [len(logs) for logs in together] == [2, 0, 1]
        for number in (0, 2):
            cache = prefill(encoder.model, prefixes[number])
            (alone,) = log_probabilities(
                encoder.model,
                prefixes[number : number + 1],
                cache,
                [forests[number]],
                [tries[number]],
            )
            for actual, expected in zip(together[number], alone, strict=True):
                assert torch.allclose(actual, expected, rtol=1e-5, atol=1e-4)


def test_the_most_probable_path_is_the_greedily_decoded_text(encoder):
    """The answers are what greedy decoding writes, and that with one token changed at each place."""
    prefix, questions = encoder.encode_prompt(shown(1, 60.0, 60.0), ASKED)
    length = WINDOW + 4  # longer than a window
    for question, decoded in zip(
        questions, decode_answers(encoder.model, prefix, questions, length, ()), strict=True
    ):
        others = [[*decoded.ids[:n], (token + 1) % 256] for n, token in enumerate(decoded.ids)]
        (logs,) = together(encoder, prefix, [question], [[decoded.ids, *others]])
        assert logs[0] == pytest.approx(np.log(decoded.probabilities).sum(), rel=1e-4, abs=1e-4)
        for n in range(1, length + 1):  # each turn is less probable than what is decoded there
            before = np.log(decoded.probabilities[: n - 1]).sum()
            assert logs[n] - before <= np.log(decoded.probabilities[n - 1]) + 1e-4


def test_a_trie_has_each_beginning_once():
    trie = build_trie([[1, 2, 3], [1, 2, 4], [5]])
    assert (trie.tokens, trie.parents) == ([1, 2], [-1, 0])
    assert trie.edges == [(-1, 1), (0, 2), (1, 3), (1, 4), (-1, 5)]
    assert trie.paths == [[0, 1, 2], [0, 1, 3], [4]]
    assert trie.stem == 0
    assert build_trie([[1, 2, 3], [1, 2, 4], [1, 2, 5, 6]]).stem == 2


def test_answers_are_cut_where_no_other_one_begins_alike():
    answers = [[9, 9], [1, 2, 3, 4], [1, 2, 5, 4], [1, 7, 7, 7]]
    assert cut_where_decided(answers) == [[9], [1, 2, 3], [1, 2, 5], [1, 7]]
    assert cut_where_decided([[1, 2, 3]]) == [[1]]
