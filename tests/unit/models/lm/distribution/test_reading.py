"""What is read from a model's distribution over its answers, with the base that comes with Touchline."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from synthetic import ACTIONS, HELD_OUT, Spoken
from touchline.models import peaks
from touchline.models.lm import loader
from touchline.models.lm.distribution.answer_set import moments_of
from touchline.models.lm.distribution.reading import (
    Asked,
    Distribution,
    most_probable_text,
    read_chunks,
)
from touchline.models.lm.shared_prefix import collate, decode_answers, pack
from touchline.models.lm.tokenize import Chunk, Encoder

WORLD = Spoken()


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    model, processor = loader.load_base("touchline:qwen2-vl", None, "cpu", vision=True)
    return Encoder(model.eval(), processor, ACTIONS, WORLD.settings)


def read(encoder: Encoder, chunk: Chunk) -> list[Distribution]:
    asked = Asked(chunk, ACTIONS, *encoder.encode_prompt(chunk, ACTIONS))
    return read_chunks(encoder.model, encoder, [asked])[0]


def chunks(count: int) -> list[Chunk]:
    return [WORLD.draw(seed, HELD_OUT).chunk for seed in range(count)]


@torch.no_grad()
def log_probability(encoder: Encoder, chunk: Chunk, action: str, text: str, after: str) -> float:
    """Return the log-probability that an answer goes on with `text` after `after`."""
    prefix, (question,) = encoder.encode_prompt(chunk, [action])
    given, whole = encoder.tokenize(after), encoder.tokenize(after + text)
    assert whole[: len(given)] == given
    batch = collate([pack(prefix, [(question, whole)])], pad_id=0)
    del batch["attention_mask"], batch["labels"]
    logs = encoder.model(**batch).logits[0, -len(whole) - 1 : -1].log_softmax(-1)
    return float(logs.gather(1, torch.tensor(whole)[:, None])[len(given) :].sum())


def test_denial_and_starts_are_read_with_what_lies_outside(encoder):
    (chunk,) = chunks(1)
    for action, distribution in zip(ACTIONS, read(encoder, chunk), strict=True):
        assert distribution.none + distribution.occurs + distribution.outside == pytest.approx(1)
        opening = f"A {action.capitalize()} occurs at (00:"
        for start in (14, 35):  # moments 6 s later
            log = log_probability(encoder, chunk, action, f"{opening}{start}", "")
            assert distribution.first[start + 6] == pytest.approx(np.exp(log), abs=1e-5)
        denied = log_probability(encoder, chunk, action, "No", "")
        assert distribution.none == pytest.approx(np.exp(denied), abs=1e-5)


def test_a_further_occurrence_is_expected_as_often_as_the_model_says_after_the_first(encoder):
    """The second pass, against sequences of their own."""
    for chunk in chunks(12):
        for action, distribution in zip(ACTIONS, read(encoder, chunk), strict=True):
            best = int(distribution.first.argmax())
            near = abs(distribution.times_s - distribution.times_s[best]) < 6.4
            weight = distribution.first[near].sum()
            if weight < 0.03 or not 8 < best < 40:
                continue
            moments = moments_of(chunk, encoder)
            first = moments.answer(action, [best])
            start = best + 10  # of a second sentence
            log = log_probability(
                encoder, chunk, action, f" A {action.capitalize()} occurs at (00:{start - 6}", first
            )
            more = distribution.expected[start] - distribution.first[start]
            assert more == pytest.approx(weight * np.exp(log), abs=1e-5)
            return
    pytest.fail("no chunk has an occurrence")


def test_further_occurrences_are_read_until_none_is_expected(encoder, monkeypatch):
    """With a lower limit the passes go on, and expect what the passes before it do and more."""
    (chunk,) = chunks(1)
    few = read(encoder, chunk)
    monkeypatch.setattr(peaks, "MIN_EXPECTED_MATCHES", 1e-4)
    many = read(encoder, chunk)
    assert sum(d.fed_tokens for d in many) > sum(d.fed_tokens for d in few)
    for less, more in zip(few, many, strict=True):
        assert (more.expected >= less.expected - 1e-6).all()


def test_words_are_those_of_greedy_decoding_where_the_model_is_certain(encoder, monkeypatch):
    """The base's logits times 200 are all but a greedy choice: answers have the probability 1."""
    head = encoder.model.lm_head
    certain = []
    with monkeypatch.context() as patch:
        plain = head.forward
        patch.setattr(head, "forward", lambda states: 200 * plain(states))
        for chunk in chunks(6):
            prefix, questions = encoder.encode_prompt(chunk, ACTIONS)
            stops = {encoder.tokenizer.eos_token_id}
            decoded = decode_answers(encoder.model, prefix, questions, 40, stops)
            for action, text, found in zip(ACTIONS, decoded, read(encoder, chunk), strict=True):
                words = encoder.tokenizer.decode(text.ids)
                if min(text.probabilities) < 0.999999 or found.outside > 0.5:
                    continue
                assert most_probable_text(encoder, chunk, action, found) == words
                assert max(found.none, found.first.max()) == pytest.approx(1, abs=1e-5)
                if found.chosen:
                    (interval,) = found.intervals()
                    assert interval["confidence"] == pytest.approx(1, abs=1e-5)
                certain.append(bool(found.chosen))
    assert set(certain) == {True, False}, "there are no denials, or nothing else"


def test_starts_that_one_interval_matches_are_summed():
    first = np.zeros(61)
    first[[20, 22, 40]] = 0.3, 0.4, 0.2
    distribution = Distribution(np.arange(61.0), 0.05, first, first, [22])
    assert distribution.outside == pytest.approx(0.05)
    near, far = distribution.intervals()
    assert near["confidence"] == pytest.approx(0.7)
    assert near["start_s"] + 6 in range(16, 27)
    assert far["confidence"] == pytest.approx(0.2)


def test_what_is_expected_is_counted_by_the_seconds_of_the_chunk():
    first = np.random.default_rng(0).dirichlet(np.ones(61)) * 0.9
    distribution = Distribution(np.arange(100.0, 161), 0.1, first, first, [22])
    rates = distribution.rates(100.0, 160.0)
    assert rates[:59] == pytest.approx(first[:59])
    assert rates[59] == pytest.approx(first[59] + first[60])  # the moment of the chunk's end
    assert len(distribution.rates(100.0, 159.5)) == 60


def test_questions_about_one_chunk_do_not_change_each_other(encoder):
    (chunk,) = chunks(1)
    for number, found in enumerate(read(encoder, chunk)):
        prefix, questions = encoder.encode_prompt(chunk, ACTIONS)
        asked = Asked(chunk, ACTIONS[number : number + 1], prefix, [questions[number]])
        ((single,),) = read_chunks(encoder.model, encoder, [asked])
        assert found.none == pytest.approx(single.none, abs=1e-5)
        assert found.expected == pytest.approx(single.expected, abs=1e-5)
        assert replace(found).chosen == single.chosen


def test_a_batch_of_chunks_reads_what_each_chunk_alone_does(encoder):
    """Chunks of different lengths, of which some are asked for further occurrences."""
    asked = []
    for number, chunk in enumerate(chunks(4)):
        shown = replace(chunk, lines=chunk.lines[number:])
        actions = ACTIONS[: 1 + number % 3]
        asked.append(Asked(shown, actions, *encoder.encode_prompt(shown, actions)))
    assert len({len(one.prefix.ids) for one in asked}) > 2
    together = read_chunks(encoder.model, encoder, asked)
    passes = set()
    for one, found in zip(asked, together, strict=True):
        (alone,) = read_chunks(encoder.model, encoder, [one])
        for actual, expected in zip(found, alone, strict=True):
            assert actual.none == pytest.approx(expected.none, abs=1e-5)
            assert actual.expected == pytest.approx(expected.expected, abs=1e-5)
            assert (actual.chosen, actual.fed_tokens) == (expected.chosen, expected.fed_tokens)
            passes.add(expected.fed_tokens > 60)
    assert passes == {False, True}
