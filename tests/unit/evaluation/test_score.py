"""Scores of one model: thresholds of the other folds, sound matches only, and answers by status."""

import polars as pl
import pytest

import brute_force
from touchline.core import schema
from touchline.core.problems import MATCH_SET_ASIDE, InputError, Problem
from touchline.data.samples import make_samples
from touchline.evaluation import score
from touchline.evaluation.score import apply_tuned_thresholds, tune_on
from touchline.models import constant
from touchline.models.backend import Match


def study(names, flipped=()):
    """Matches whose confident answer is right and whose doubtful one is wrong.

    In a flipped one it is the reverse, with so many events that it outweighs the others.
    """
    keys = {name: (name, 1, 0, "x") for name in names}
    answers, truths = [], []
    for name, key in keys.items():
        right, wrong = (key, 0, 12), (key, 30, 42)
        answers += [(*right, 0.9), (*wrong, 0.25)]
        truths += [wrong] * 50 if name in flipped else [right]
    return brute_force.answered(answers, truths, keys.values())


def kept_of(match, scored, tuning=None):
    kept = apply_tuned_thresholds(scored, tuning or scored)
    return kept.filter(match=match)["confidence"].to_list()


@pytest.mark.parametrize("match", list("abcdefg"))
def test_a_match_is_never_scored_at_a_threshold_tuned_on_its_labels(match):
    before, after = study("abcdefg"), study("abcdefg", flipped=match)
    assert kept_of(match, before) == kept_of(match, after) == [0.9]
    assert tune_on(before) == {"x": 0.9}
    assert tune_on(after) == {"x": 0.25}  # at which it would have been scored


def test_labels_of_the_other_folds_decide():
    assert kept_of("a", study("abcdefg", flipped="bcdefg")) == [0.9, 0.25]
    assert kept_of("a", study("abcdefg", flipped="a")) == [0.9]


def test_labels_of_the_scored_split_do_not_matter_when_it_is_not_tuned_on():
    tuning = study("vw")
    for flipped in ("", "ab"):
        assert kept_of("a", study("ab", flipped), tuning) == [0.9]
    assert kept_of("a", study("ab"), study("vw", flipped="vw")) == [0.9, 0.25]


def test_every_match_is_scored_exactly_once():
    tables = study("abcdefghijklm")
    assert sorted(apply_tuned_thresholds(tables, tables)["match"]) == list("abcdefghijklm")


def test_a_single_match_is_scored_at_its_own_thresholds():
    assert kept_of("a", study("a", flipped="a")) == [0.9, 0.25]


def test_the_command_scores_the_sound_matches_only(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    silence = pl.DataFrame(schema=schema.COMMENTARY)
    samples = make_samples(silence, {1: 90.0}, ["x", "y"], 60.0, 0.0)
    events = pl.DataFrame([(1, 30.0, "x", "X", None, None)], schema.LABELS, orient="row")
    for match, broken in (("a", None), ("b", None), ("c", "labels"), ("d", "commentary")):
        problems = [Problem(match, "labels", "broken.", "Mend.", MATCH_SET_ASIDE)]
        match_samples = samples.clear() if broken == "commentary" else samples
        answers = constant.load({}, None).answer(Match(match, match_samples))
        listed = problems if broken == "labels" else []
        schema.write(f"results/labels/{match}.parquet", events, schema.LABELS, listed)
        schema.write(f"results/samples/{match}.parquet", match_samples, schema.SAMPLES)
        schema.write(f"predictions/{match}.parquet", answers, schema.PREDICTIONS)
    common = ["--predictions", "predictions/{match}.parquet", "--out", "s", "--thresholds", "t.csv",
              "--answers", "answers.parquet", "--tally", "tally.parquet"]  # fmt: skip

    def scored(*arguments):
        score.main([*common, *arguments])
        table = schema.read("s", schema.SCORES).filter(protocol="full", matching="many")
        rows = table.select("match", "action", "tp", "fp", "fn").rows()
        return rows, dict(pl.read_csv("t.csv").iter_rows())

    every = [(match, *row) for match in "ab" for row in (("x", 1, 1, 0), ("y", 0, 2, 0))]
    assert scored("--matches", *"abcd") == (every, {"x": 0.0, "y": 0.0})
    tuned = [(match, *row) for match in "ab" for row in (("x", 1, 1, 0), ("y", 0, 0, 0))]
    assert scored("--matches", *"abcd", "--tune", *"abcd") == (tuned, {"x": 1.0, "y": 2.0})
    with pytest.raises(InputError, match="no match to score"):
        score.main([*common, "--matches", *"cd"])


def test_every_answered_match_is_counted_once_by_status(tmp_path):
    rows = [(1, n, "x", [], status, "t", 5, None, None, 0.25, None, None) for n, status in
            enumerate(["ok", "none", "none", "skipped"])]  # fmt: skip
    table = pl.DataFrame(rows, schema.PREDICTIONS, orient="row")
    for match, answered in (("a", table), ("b", table.clear())):
        schema.write(tmp_path / f"{match}.parquet", answered, schema.PREDICTIONS)
    counted = score.tally(str(tmp_path / "{match}.parquet"), ["a", "b"])
    assert counted.schema == schema.TALLY
    assert counted.row(0) == ("a", 4, 1, 2, 0, 0, 0, 0, 1, 20, None, None, 1.0)
    assert counted.row(1) == ("b", *[0] * 8, None, None, None, None)
