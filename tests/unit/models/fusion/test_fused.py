"""The fused model: what it gains by theory, what it never sees, and what is missing."""

import numpy as np
import polars as pl
import pytest

from made_up_systems import ACTIONS, System, draw_match, f1_of_agreement, with_answers
from touchline.core import schema
from touchline.core.problems import NOTED, InputError
from touchline.evaluation import bootstrap
from touchline.evaluation.matching import answer_intervals, count, pairs, truth_intervals
from touchline.evaluation.score import Answered, apply_tuned_thresholds
from touchline.models.fusion import evidence, fused, fused_fit
from touchline.models.peaks import choose_intervals

VIDEO = System(found=0.6, false_per_s=0.3 / 60)
WORDS = System(found=0.6, false_per_s=0.3 / 60)
NOISE = System(found=0.0, false_per_s=0.3 / 60)
NEAR_S = 5.0  # the spots of one event, with their noise, are closer


def fit(matches, parents, folder):
    folder.mkdir(parents=True)
    fused_fit.fit(matches, {"parents": parents}, folder, folder)
    return fused.load({"parents": parents, "length_s": 12}, folder)


def score(matches, answers):
    """Return (F1 at tuned thresholds, answers with their truths) of answers by match."""

    def named(table, match):
        return table.with_columns(match=pl.lit(match.name))

    samples = pl.concat(named(match.samples, match) for match in matches)
    truths = pl.concat(truth_intervals(named(m.samples, m), m.events) for m in matches)
    found = pl.concat(
        answer_intervals(named(table, match)) for match, table in zip(matches, answers, strict=True)
    )
    answered = Answered(samples, truths, found)
    counts = count(samples, truths, apply_tuned_thresholds(answered, answered))
    key = ("full", "one", "all")
    f1 = bootstrap.resample_f1(counts, np.ones((1, len(matches))))[key][0]
    return float(f1), answered


@pytest.fixture(scope="module")
def matches(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    systems = {"video": VIDEO, "words": WORDS, "noise": NOISE}
    return with_answers([draw_match(number) for number in range(40)], systems, folder)


@pytest.fixture(scope="module")
def model(matches, tmp_path_factory):
    return fit(matches, ["video", "words"], tmp_path_factory.mktemp("fitted") / "model")


def test_two_systems_gain_together_what_theory_says(matches, model):
    alone = [
        score(matches, [match.answers[name] for match in matches])[0] for name in ("video", "words")
    ]
    assert alone == pytest.approx([VIDEO.f1(), WORDS.f1()], abs=0.04)
    together, answered = score(matches, [model.answer(match) for match in matches])
    expected = f1_of_agreement(VIDEO, WORDS, NEAR_S)
    assert expected > VIDEO.f1() + 0.1
    assert together == pytest.approx(expected, abs=0.05)
    # A confidence is the share of the answers that are right.
    hits = pairs(answered.answers, answered.truths)["answer"].unique()
    right = pl.int_range(pl.len()).is_in(hits.implode())
    table = answered.answers.with_columns(right=right)
    for low, high in ((0.1, 0.4), (0.4, 1.0)):
        part = table.filter(pl.col("confidence").is_between(low, high))
        assert len(part) > 100
        assert part["confidence"].mean() == pytest.approx(part["right"].mean(), abs=0.08)


def test_a_system_that_knows_nothing_costs_nothing(matches, model, tmp_path):
    without, _ = score(matches, [model.answer(match) for match in matches])
    other = fit(matches, ["video", "words", "noise"], tmp_path / "model")
    with_noise, _ = score(matches, [other.answer(match) for match in matches])
    assert with_noise == pytest.approx(without, abs=0.03)


def test_no_match_is_answered_by_a_fit_to_its_own_labels(matches, tmp_path):
    few = matches[:6]
    swapped = few[2].events.with_columns(pl.col("action").replace(ACTIONS, ACTIONS[::-1]))
    changed = [*few[:2], few[2]._replace(labels=swapped), *few[3:]]
    as_it_is, as_changed = (
        fit(study, ["video"], tmp_path / name) for name, study in (("a", few), ("b", changed))
    )
    assert as_it_is.answer(few[2]).equals(as_changed.answer(few[2]))
    assert not as_it_is.answer(few[3]).equals(as_changed.answer(few[3]))
    new = matches[10]  # which is in no fold
    assert not as_it_is.answer(new).equals(as_changed.answer(new))


def test_the_same_answers_give_the_same_bytes(matches, tmp_path):
    for name in ("one", "two"):
        fit(matches[:4], ["video", "words"], tmp_path / name)
    for file in (fused.WEIGHTS, fused.DESCRIPTION):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def unanswered(match, name, chunks, status="skipped"):
    """Return the match with a parent that did not answer these chunks."""
    is_left = pl.col("chunk").is_in(chunks)
    nothing = pl.col("intervals").list.head(0)
    table = match.answers[name].with_columns(
        intervals=pl.when(is_left).then(nothing).otherwise("intervals"),
        status=pl.when(is_left).then(pl.lit(status)).otherwise("status"),
    )
    return match._replace(answers={**match.answers, name: table})


@pytest.mark.parametrize("status", ["skipped", "refused", "unparsable"])
def test_a_chunk_that_a_parent_left_out_is_no_denial(matches, model, status):
    new, spotted = draw_match(99), {"start_s": 624.0, "end_s": 636.0, "confidence": 0.5}
    silent = (
        matches[0]
        .answers["video"]
        .with_columns(
            intervals=pl.lit([], dtype=schema.PREDICTIONS["intervals"]), status=pl.lit("none")
        )
    )
    at = (pl.col("chunk") == 10) & (pl.col("action") == "goal")
    one = silent.with_columns(
        intervals=pl.when(at).then(pl.lit([spotted])).otherwise("intervals"),
        status=pl.when(at).then(pl.lit("ok")).otherwise("status"),
    )
    denied = new._replace(answers={"video": one, "words": silent})
    found = [
        model.answer(match).filter(at)["intervals"].item().to_list()
        for match in (denied, unanswered(denied, "words", [10], status))
    ]
    (with_denial,), (without,) = ([i["confidence"] for i in intervals] for intervals in found)
    assert without > 1.2 * with_denial
    middle_s = (found[1][0]["start_s"] + found[1][0]["end_s"]) / 2
    assert middle_s == pytest.approx(630, abs=3)


def test_a_sample_that_nobody_answered_is_skipped_and_gaps_are_noted(matches, model):
    model.problems.clear()
    gap = unanswered(unanswered(matches[1], "video", [3]), "words", [3, 4])
    answers = model.answer(gap)
    assert answers.filter(status="skipped")["chunk"].unique().to_list() == [3]
    skipped = answers.filter(chunk=3)
    assert skipped["intervals"].list.len().sum() == 0
    assert skipped["rates"].list.len().sum() == 0
    assert [problem.problem for problem in model.problems] == [
        "video gave no answer in 1 of 30 chunks.",
        "words gave no answer in 2 of 30 chunks.",
    ]
    assert {problem.effect for problem in model.problems} == {NOTED}
    model.problems.clear()


def test_a_parent_that_knows_one_action_alone_is_joined_for_that(matches, tmp_path):
    def goals_only(match):
        is_goal = pl.col("action") == "goal"
        table = match.answers["video"].with_columns(
            intervals=pl.when(is_goal)
            .then("intervals")
            .otherwise(pl.col("intervals").list.head(0)),
            status=pl.when(is_goal).then("status").otherwise(pl.lit("skipped")),
        )
        return match._replace(answers={"goals": table, "words": match.answers["words"]})

    study = [goals_only(match) for match in matches]
    both = fit(study, ["goals", "words"], tmp_path / "both")
    _, answered = score(study, [both.answer(match) for match in study])
    best = answered.answers.group_by("action").agg(pl.col("confidence").quantile(0.95))
    confidence = dict(best.iter_rows())
    assert confidence["goal"] > confidence["corner"] + 0.1


def test_one_match_alone_is_joined_and_says_that_it_is_no_test(matches, tmp_path):
    model = fit(matches[:1], ["video"], tmp_path / "model")
    assert len(model.answer(matches[0])) == len(matches[0].samples)
    (problem,) = model.problems
    assert "are no test" in problem.problem
    model.problems.clear()
    model.answer(matches[1])
    assert model.problems == []


def test_answers_that_are_missing_or_of_other_samples_are_sentences(matches, model):
    with pytest.raises(InputError, match="no answers of words, which is to be joined"):
        model.answer(matches[0]._replace(answers={"video": matches[0].answers["video"]}))
    other = {**matches[0].answers, "words": matches[0].answers["words"].head(5)}
    with pytest.raises(InputError, match="the answers of words are to other samples"):
        model.answer(matches[0]._replace(answers=other))


def test_a_parent_that_answers_none_of_the_matches_cannot_be_joined(matches, tmp_path):
    study = [unanswered(match, "words", list(range(30))) for match in matches[:2]]
    with pytest.raises(InputError, match="words has answered nothing in the 2 matches"):
        fit(study, ["video", "words"], tmp_path / "model")


def test_a_model_of_other_parents_is_refused(matches, tmp_path):
    fit(matches[:2], ["video"], tmp_path / "model")
    with pytest.raises(InputError, match="joins video"):
        fused.load({"parents": ["words"]}, tmp_path / "model")


def test_a_curve_is_read_in_place_of_the_intervals_chosen_from_it(matches):
    match = matches[0]
    rates = np.random.default_rng(0).uniform(0, 0.02, 900)  # of steps of 2 s
    curve = choose_intervals(match.samples, {"goal": rates}, 2.0, 12.0)
    (half,) = evidence.read_evidence(match._replace(answers={"a": curve}), ["a"], ACTIONS)
    assert half.rates[0, 0] == pytest.approx(np.repeat(rates / 2, 2), rel=1e-6)
    assert not half.rates[0, 1].any()
    assert not half.unanswered.any()


def test_chunks_that_overlap_tell_of_an_event_once(matches):
    match = matches[0]
    (plain,) = evidence.read_evidence(match, ["video"], ACTIONS)
    twice = pl.concat([match.samples, match.samples])
    table = pl.concat([match.answers["video"]] * 2)
    doubled = match._replace(samples=twice, answers={"video": table})
    (again,) = evidence.read_evidence(doubled, ["video"], ACTIONS)
    assert np.array_equal(plain.rates, again.rates)
    assert plain.rates.sum() == pytest.approx(
        -np.log(0.5) * match.answers["video"]["intervals"].list.len().sum()
    )
