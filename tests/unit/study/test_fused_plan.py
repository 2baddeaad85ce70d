"""The plan of a study with a model that joins the answers of others."""

import json
import re
import shlex
from types import SimpleNamespace

import pytest

from touchline.core.config import complete
from touchline.core.problems import InputError
from touchline.data import spotting_json
from touchline.study.plan import Plan

SPLITS = {"t1": "train", "v1": "valid", "v2": "valid", "s1": "test", "s2": "test"}
FUSED = {"backend": "fused", "parents": ["linear", "constant"], "threshold": "tuned"}
PUBLISHED = {"backend": "external", "path": "published", "threshold": 0.5}


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """Return a function that plans the study with these models and settings."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "labels.json").touch()
    rows = [f"{match},{split},1,,,labels.json,600\n" for match, split in SPLITS.items()]
    head = "match,split,half,video,commentary,labels,duration_s\n"
    (tmp_path / "matches.csv").write_text(head + "".join(rows))
    (tmp_path / "published").mkdir()

    def make(split="test", compare=("constant", "linear", "fused"), **models):
        config = {"compare": list(compare), "models": {"fused": FUSED} | models}
        return Plan(complete(config | {"score": {"split": split}}))

    return make


def publish(folder, *matches):
    for match in matches:
        spotting_json.write_spots(folder / "published", match, spotting_json.SPOTS.to_frame())


def job(model="fused", match="s1"):
    return SimpleNamespace(model=model, match=match)


def option(arguments: str, name: str) -> list[str]:
    """Return the values of an option in a command line."""
    words = shlex.split(arguments)
    rest = words[words.index(name) + 1 :]
    return rest[: next((n for n, word in enumerate(rest) if word.startswith("--")), len(rest))]


def test_it_is_fitted_on_the_answers_of_its_parents_to_the_valid_matches(plan):
    study = plan()
    assert study.training_answers(job()) == [
        f"results/predictions/{model}/{match}.parquet"
        for model in ("linear", "constant") for match in ("v1", "v2")
    ]  # fmt: skip
    arguments = study.training_arguments(job())
    assert option(arguments, "--matches") == ["v1", "v2"]
    assert json.loads(option(arguments, "--answers")[0]) == {
        model: f"results/predictions/{model}/{{match}}.parquet" for model in ("linear", "constant")
    }
    assert study.fitted("linear") == ["t1"]
    assert study.training_answers(job("linear")) == []
    assert "--answers" not in study.training_arguments(job("linear"))


def test_it_answers_a_match_from_the_answers_of_its_parents(plan):
    study = plan()
    inputs = {model: f"results/predictions/{model}/s1.parquet" for model in ("linear", "constant")}
    assert study.joined_answers(job()) == list(inputs.values())
    assert json.loads(option(study.infer_arguments(job()), "--answers")[0]) == inputs
    assert study.joined_answers(job("linear")) == []
    assert study.trained_model(job()) == ["results/models/fused"]


def test_it_has_a_rule_of_its_own_for_answering(plan):
    study = plan()
    others, fused = (study.pattern(language_models=False, joins=joins) for joins in (False, True))
    assert fused == "fused"
    assert not re.fullmatch(others, "fused")
    assert re.fullmatch(others, "linear")
    assert re.fullmatch(study.pattern(language_models=False), "fused")


def test_without_published_answers_to_all_valid_matches_it_is_fitted_on_the_scored_ones(
    plan, tmp_path
):
    fused = FUSED | {"parents": ["linear", "published"]}
    compare = ["linear", "published", "fused"]
    publish(tmp_path, "s1", "s2", "v1")

    def study():
        return plan(compare=compare, fused=fused, published=PUBLISHED)

    lacking = study()
    assert lacking.fitted("fused") == lacking.tuned("fused") == ["s1", "s2"]
    assert lacking.tuned("linear") == ["v1", "v2"]
    assert lacking.joined()["fused"]["fitted_on"].endswith(
        "since published cannot answer all of the valid split"
    )
    publish(tmp_path, "v2")
    whole = study()
    assert whole.fitted("fused") == whole.tuned("fused") == ["v1", "v2"]
    assert whole.joined()["fused"] == {
        "parents": ["linear", "published"], "fitted_on": "the valid split",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fit_on", "split", "expected"),
    [
        ("auto", "test", ["v1", "v2"]),
        ("valid", "test", ["v1", "v2"]),
        ("scored", "test", ["s1", "s2"]),
        ("auto", "valid", ["v1", "v2"]),
    ],
)
def test_what_it_is_fitted_on_can_be_set(plan, fit_on, split, expected):
    study = plan(split, fused=FUSED | {"fit_on": fit_on})
    assert study.fitted("fused") == expected
    text = study.joined()["fused"]["fitted_on"]
    assert ("in folds" in text) == (expected == study.scored())


def test_a_parent_that_costs_money_is_estimated_on_what_it_is_asked_for(plan):
    parents = {"parents": ["o4-mini", "constant"]}
    study = plan(compare=["constant", "o4-mini", "fused"], fused=FUSED | parents)
    matches = option(study.estimate_arguments(job("o4-mini")), "--matches")
    assert matches == ["s1", "s2", "v1", "v2"]
    cheap = FUSED | parents | {"fit_on": "scored"}
    study = plan(compare=["constant", "o4-mini", "fused"], fused=cheap)
    assert option(study.estimate_arguments(job("o4-mini")), "--matches") == ["s1", "s2"]


def test_another_threshold_fits_nothing_again(plan):
    sure = {"sure": {"trained_as": "fused", "threshold": 0.8}}
    study = plan(compare=["constant", "linear", "fused", "sure"], **sure)
    assert study.trained_model(job("sure")) == ["results/models/fused"]
    assert study.joined_answers(job("sure")) == study.joined_answers(job())
    with pytest.raises(InputError, match="another length_s than that of fused needs a training"):
        plan(compare=["constant", "linear", "fused", "sure"], sure=sure["sure"] | {"length_s": 8})


@pytest.mark.parametrize(
    ("compare", "models", "said"),
    [
        (["constant", "fused"], {}, "linear is not in compare"),
        (["fused"], {"fused": FUSED | {"parents": ["liner"]}}, "no model liner"),
        (
            ["constant", "linear", "fused", "twice"],
            {"twice": FUSED | {"parents": ["fused"]}},
            "fused joins models itself. Name its parents, linear, constant",
        ),
    ],
)  # fmt: skip
def test_parents_that_cannot_be_joined_are_sentences(plan, compare, models, said):
    with pytest.raises(InputError, match=said):
        plan(compare=compare, **models)
