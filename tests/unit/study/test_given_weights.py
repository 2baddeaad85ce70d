"""The plan of a study with a network that is there already: no training, and its files count."""

import json
from types import SimpleNamespace

import pytest

from random_tcn import write_network
from touchline.core.config import complete
from touchline.core.problems import InputError
from touchline.models import shipped_bases
from touchline.models.catalogue import BACKENDS
from touchline.models.words import linear, tcn_weights
from touchline.study.plan import Plan
from touchline.study.reel_plan import Reels

ACTIONS = ["corner", "foul", "goal"]
JOB = SimpleNamespace(model="commentary", match="a")


def study(tmp_path, **changes) -> Plan:
    """Return the plan of a study of one match, whose only model is `commentary`."""
    sheet = tmp_path / "matches.csv"
    sheet.write_text(
        "match,split,half,video,commentary,labels,duration_s\na,test,1,,,,600\na,test,2,,,,600\n"
    )
    return Plan(complete({"sheet": str(sheet), "compare": ["commentary"], **changes}))


def entry(folder):
    return {"models": {"commentary": {"weights": str(folder)}}}


def test_nothing_is_trained_and_torch_is_not_needed(tmp_path):
    plan = study(tmp_path)
    assert plan.trained_model(JOB) == []
    assert plan.logged() == []
    assert plan.environment_name("commentary") == "tables"
    assert plan.tuned("commentary") == []
    assert "--threshold 0.21" in plan.score_arguments(JOB)
    assert '"weights": "touchline:commentary"' in plan.backend_arguments(JOB)
    assert '"Corner": "corner"' in plan.backend_arguments(JOB)


def test_other_weights_make_the_answers_anew_and_nothing_else(tmp_path):
    folder = write_network(tmp_path / "trained", ["net"], ACTIONS)
    samples = {"samples": {"actions": ACTIONS}}
    plan = study(tmp_path, **entry(folder), **samples)
    code, content = plan.backend_code(JOB), plan.given_content(JOB)
    assert study(tmp_path, **entry(folder), **samples).given_content(JOB) == content
    write_network(folder, ["net"], ACTIONS, seed=1)
    changed = study(tmp_path, **entry(folder), **samples)
    assert changed.given_content(JOB) != content
    assert changed.backend_code(JOB) == code
    assert changed.score_arguments(JOB) == plan.score_arguments(JOB)


def test_thresholds_may_be_tuned_all_the_same(tmp_path):
    plan = study(tmp_path, models={"commentary": {"threshold": "tuned"}})
    assert "--threshold" not in plan.score_arguments(JOB)


def test_reels_may_be_made_of_its_answers(tmp_path):
    query = {"text": "the goals", "model": "commentary"}
    reels = Reels(study(tmp_path, queries={"goals": query}))
    job = SimpleNamespace(query="goals", match="a")
    assert reels.thresholds(job) == []
    assert "--threshold 0.21" in reels.arguments(job)


def test_an_action_that_it_does_not_know_stops_the_plan_in_a_sentence(tmp_path):
    with pytest.raises(InputError, match=r"touchline:commentary does not know dribble: .*labels:"):
        study(tmp_path, labels={"Dribble": "dribble"}, samples={"actions": ["goal", "dribble"]})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": "nowhere"}, r"nowhere/model\.json: No such file"),
        ({"weights": "touchline:video"}, "no touchline:video comes with Touchline"),
        ({"epochs": 3}, r"models\.commentary: 'epochs' is not one of"),
        ({"length_s": 40}, r"models\.commentary\.length_s: "),
    ],
)
def test_a_wrong_entry_is_a_sentence(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        study(tmp_path, models={"commentary": change})


@pytest.mark.parametrize(
    "other",
    [{"backend": "linear"}, {"backend": "vlm", "base": "touchline:qwen2-vl"}],
    ids=lambda other: other["backend"],
)
def test_every_model_that_trains_may_be_given(tmp_path, other):
    """No training, and the files of the folder count; a language model still needs torch."""
    info = BACKENDS[other["backend"]]
    for name in info.weight_files:
        (tmp_path / name).write_text(json.dumps({"actions": ACTIONS, "step_s": 4}))
    given = other | {"weights": str(tmp_path), "threshold": 0.3}
    changes = {"models": {"mine": given}, "compare": ["mine"], "samples": {"actions": ACTIONS}}
    plan, job = study(tmp_path, **changes), SimpleNamespace(model="mine", match="a")
    assert plan.trained() == []
    assert len(plan.given_content(job).split()) == len(info.weight_files)
    assert ("labels" in plan.backend_arguments(job)) == (other["backend"] == "linear")
    assert plan.environment_name("mine") == ("tables" if other["backend"] == "linear" else "models")


def test_zero_shot_with_an_adapter_is_a_contradiction(tmp_path):
    entry = {"backend": "vlm", "base": "b", "weights": "w", "fine_tune": False}
    with pytest.raises(InputError, match=r"models\.mine\.fine_tune: True was expected"):
        study(tmp_path, models={"mine": entry}, compare=["mine"])


def test_the_files_that_count_are_those_that_are_read():
    assert BACKENDS["tcn"].weight_files == tcn_weights.FILES
    assert BACKENDS["linear"].weight_files == linear.FILES


def test_the_shipped_files_are_those_that_are_watched(tmp_path):
    content = study(tmp_path).given_content(JOB)
    folder = shipped_bases.TRAINED["touchline:commentary"]
    assert len(content.split()) == len(tcn_weights.FILES) == 3
    assert all((folder / name).is_file() for name in tcn_weights.FILES)
