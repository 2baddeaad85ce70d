"""Models that answer with another model's trained weights, in another way."""

import re
from types import SimpleNamespace

import pytest

from touchline.core.config import complete
from touchline.core.problems import InputError
from touchline.study.plan import Plan

BASE = {"base": "touchline:qwen2-vl", "training": {"epochs": 2}}
BLANKED = {"trained_as": "qwen2-vl", "ablate": ["video"]}
HEADER = "match,half,split,video,duration_s,labels,commentary\n"


def plan_of(folder, compare: list[str], **models) -> Plan:
    """Return the plan of a study with one train and one test match."""
    rows = []
    for split in ("train", "test"):
        video, labels = folder / f"{split}.mkv", folder / f"{split}.json"
        video.touch()
        labels.touch()
        rows.append(f"{split},1,{split},{video},60,{labels},\n")
    sheet = folder / "matches.csv"
    sheet.write_text(HEADER + "".join(rows))
    return Plan(complete({"sheet": str(sheet), "compare": compare, "models": models}))


def asked(model: str) -> SimpleNamespace:
    return SimpleNamespace(model=model, match="test", half="1")


def test_it_is_asked_with_the_others_weights_and_not_trained(tmp_path):
    plan = plan_of(tmp_path, ["qwen2-vl", "blanked"], **{"qwen2-vl": BASE, "blanked": BLANKED})
    for model in ("qwen2-vl", "blanked"):
        assert plan.trained_model(asked(model)) == ["results/models/qwen2-vl"]
    assert plan.logged() == ["qwen2-vl"]
    given, blanked = (plan.backend_arguments(asked(model)) for model in ("qwen2-vl", "blanked"))
    assert '"ablate": ["video"]' in blanked
    assert blanked.replace('"ablate": ["video"]', '"ablate": []') == given
    assert "ablate" not in plan.fit_arguments(asked("qwen2-vl"))
    assert plan.watched_manifests(asked("blanked")) == ["results/chunks/test/1.parquet"]


def test_the_model_whose_weights_it_has_need_not_be_compared(tmp_path):
    plan = plan_of(tmp_path, ["blanked"], **{"qwen2-vl": BASE, "blanked": BLANKED})
    assert plan.trained_model(asked("blanked")) == ["results/models/qwen2-vl"]
    pattern = plan.pattern(language_models=True)
    assert re.fullmatch(pattern, "qwen2-vl")
    assert '"epochs": 2' in plan.fit_arguments(asked("qwen2-vl"))


def test_another_way_of_answering_is_no_other_training(tmp_path):
    short = {"trained_as": "tcn", "length_s": 12, "threshold": 0.5}
    plan = plan_of(tmp_path, ["tcn", "short"], short=short)
    assert '"length_s": 12' in plan.backend_arguments(asked("short"))
    assert "--threshold 0.5" in plan.score_arguments(asked("short"))
    assert plan.trained_model(asked("short")) == ["results/models/tcn"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"trained_as": "qwen"}, "models.other.trained_as: no model qwen. The models: section has"),
        ({"trained_as": "blanked"}, "blanked answers with another model's weights itself"),
        ({"trained_as": "constant"}, "'trained_as' was unexpected"),
        ({"trained_as": "mistral-7b"}, "mistral-7b is not trained"),
        ({"trained_as": "qwen2-vl", "fine_tune": False}, "fine_tune is false. Leave out one"),
        ({"trained_as": "qwen2-vl", "backend": "causal_lm"}, "has the backend vlm, not causal_lm"),
        (
            {"trained_as": "qwen2-vl", "base": "another", "fps": 2},
            "another base, fps than that of qwen2-vl needs a training of its own. Only threshold, "
            "max_new_tokens, answers, ablate, batch_size may differ",
        ),
        (
            {"trained_as": "qwen2-vl", "prompt": {"inputs": ["commentary"]}, "ablate": []},
            "another prompt than that of qwen2-vl",
        ),
        (
            {"backend": "causal_lm", "base": "another", "ablate": ["video"]},
            "models.other.ablate: its prompts have no video, only commentary",
        ),
    ],
)
def test_what_cannot_be_is_one_sentence(tmp_path, entry, message):
    with pytest.raises(InputError, match=message):
        plan_of(tmp_path, ["linear"], **{"qwen2-vl": BASE, "blanked": BLANKED, "other": entry})


def test_a_model_depends_on_the_content_of_its_base(tmp_path):
    plan = plan_of(tmp_path, ["qwen2-vl", "linear"], **{"qwen2-vl": BASE})
    assert re.fullmatch("[0-9a-f]{12}", plan.base_content(asked("qwen2-vl")))
    assert plan.base_content(asked("linear")) == ""
