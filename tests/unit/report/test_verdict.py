import polars as pl
import pytest

from touchline.report import verdict
from touchline.report.verdict import find_lead, judge

KEY = {"protocol": "full", "action": "all"}


def study(**models):
    """Return (metrics, differences) of models given as (F1 many, F1 one); intervals are ± .02."""
    rows = [
        {"model": model, **KEY, "matching": matching, "precision": 0.25, "recall": 0.5, "f1": f1,
         "f1_low": f1 - 0.02, "f1_high": f1 + 0.02}
        for model, both in models.items() for matching, f1 in zip(("many", "one"), both, strict=True)
    ]  # fmt: skip
    names = sorted(models, key=lambda model: -models[model][0])
    pairs = [
        {"model": a, "other": b, **KEY, "matching": "many", "difference": gap, "low": gap - 0.02,
         "high": gap + 0.02}
        for n, a in enumerate(names) for b in names[n + 1 :]
        for gap in [models[a][0] - models[b][0]]
    ]  # fmt: skip
    kinds = dict.fromkeys(["difference", "low", "high"], pl.Float64)
    return pl.DataFrame(rows), pl.DataFrame(pairs, schema_overrides=kinds)


def verdict_of(metrics, differences, baselines=("baseline",), matches=100):
    return judge(metrics, differences, list(baselines), matches, 0.95)


def test_one_model_above_the_baseline():
    result = verdict_of(*study(baseline=(0.05, 0.05), linear=(0.2, 0.19)))
    assert result.best == "linear"
    assert result.headline == "linear is better than the constant baseline, by 0.150 F1"
    assert result.sentences == [
        "F1 0.2000 (95 % interval 0.1800–0.2200): 25 of 100 answers are right and "
        "50 of 100 events are found.",
        "Compared with the constant baseline “baseline”, which reads neither video nor commentary, "
        "the difference in F1 is +0.1500, paired interval +0.1300 to +0.1700.",
        "With one-to-one matching, where no repeated answer counts, its F1 is 0.1900; "
        "the order of the models is the same.",
    ]


def test_the_best_of_several_and_the_next():
    result = verdict_of(*study(baseline=(0.05, 0.05), a=(0.2, 0.1), b=(0.21, 0.05), c=(0.1, 0.08)))
    assert (
        result.headline
        == "b, the best of 3 models, is better than the constant baseline, by 0.160 F1"
    )
    assert "The next model is a (difference in F1 +0.0100" in result.sentences[2]
    assert "That may be chance" in result.sentences[2]
    assert "a is then first" in result.sentences[3]
    apart = verdict_of(*study(baseline=(0.05, 0.05), a=(0.2, 0.1), b=(0.3, 0.2)))
    assert "chance" not in apart.sentences[2]


def test_a_model_that_answers_the_same_is_no_lead():
    metrics, differences = study(baseline=(0.05, 0.05), a=(0.2, 0.1), twin=(0.2, 0.1))
    twins = pl.col("other") == "twin"
    nothing = [pl.when(twins).then(0.0).otherwise(name).alias(name) for name in ("low", "high")]
    result = verdict_of(metrics, differences.with_columns(nothing))
    assert result.sentences[2] == "The next model, twin, has the same F1."


@pytest.mark.parametrize(
    ("f1", "headline"),
    [
        (0.06, "linear is not shown to be better than the constant baseline"),
        (0.04, "linear is not shown to be better than the constant baseline"),
        (0.01, "No model is better than the constant baseline"),
    ],
)
def test_a_model_that_is_not_above_the_baseline_is_not_praised(f1, headline):
    result = verdict_of(*study(baseline=(0.05, 0.05), linear=(f1, f1)))
    assert (result.best, result.headline) == ("linear", headline)


def test_a_study_without_a_baseline_has_no_floor_and_says_so():
    result = verdict_of(*study(linear=(0.2, 0.2)), baselines=())
    assert result.headline == "linear has the highest F1, 0.200"
    assert "No constant baseline was compared" in result.sentences[1]


def test_baselines_alone_are_no_competition():
    result = verdict_of(
        *study(baseline=(0.05, 0.05), other=(0.06, 0.06)), baselines=("baseline", "other")
    )
    assert result.headline == "Only constant baselines were compared"
    assert result.best == "other"


def test_few_matches_and_undefined_numbers():
    metrics, differences = study(baseline=(0.05, 0.05), linear=(0.2, 0.2))
    undefined = ["precision", "recall", "f1", "f1_low", "f1_high"]
    metrics = metrics.with_columns(pl.lit(None, pl.Float64).alias(name) for name in undefined)
    gone = ["difference", "low", "high"]
    differences = differences.with_columns(pl.lit(None, pl.Float64).alias(name) for name in gone)
    assert (
        verdict_of(metrics, differences).headline
        == "linear is not shown to be better than the constant baseline"
    )
    result = verdict_of(metrics, differences, matches=1)
    assert (
        result.headline
        == "Too few matches to say whether linear is better than the constant baseline"
    )
    assert result.sentences[0] == "F1 0.0000: there are no answers and no events."
    assert "– (no interval)" in result.sentences[1]
    assert result.sentences[-1].startswith("Only 1 match was scored")


def test_a_lead_is_the_same_whichever_model_the_table_names_first():
    _, differences = study(a=(0.3, 0.3), b=(0.2, 0.2))
    forth, back = find_lead(differences, "a", "b"), find_lead(differences, "b", "a")
    assert forth == pytest.approx((0.1, 0.08, 0.12))
    assert back == pytest.approx((-0.1, -0.12, -0.08))
    assert forth.is_certain
    assert back.is_certain
    assert not verdict.Lead(0.1, -0.1, 0.3).is_certain
