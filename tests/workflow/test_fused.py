"""A model that joins the answers of others, through the rules."""

import polars as pl

TABLES = "results/tables.md"
JUDGED = {"score": 1, "average_map": 1}  # the jobs of one model before metrics.csv


def test_joined_models_are_made_from_the_answers_and_another_parent_makes_them_alone_again(study):
    fused = {"backend": "fused", "parents": ["constant", "linear"], "threshold": "tuned"}
    study.configure(compare=["constant", "linear", "joined"], models={"joined": fused})
    joined = {"fit": 1, "infer_fused": 3} | JUDGED | {"metrics": 1, "tables": 1}
    assert study.plan(TABLES) == joined | {"infer": 1}  # the baseline answers the valid match too
    study.snakemake(TABLES)
    assert study.plan(TABLES) == {}
    results = study.folder / "demo/results"
    added = pl.read_csv(results / "fused.csv").filter(
        action="all", matching="many", protocol="full"
    )
    assert added.select("model", "other", "fitted_on").rows() == [
        ("joined", "constant", "the valid split"), ("joined", "linear", "the valid split"),
    ]  # fmt: skip
    assert "What each parent adds" in (results / "tables.md").read_text()
    more = {"joined": {"parents": ["constant", "linear", "commentary"]}}
    study.configure(compare=["constant", "linear", "commentary", "joined"], models=more)
    plan = study.plan(TABLES)
    of_commentary = {"infer": 3} | JUDGED
    assert plan == joined | {name: joined.get(name, 0) + n for name, n in of_commentary.items()}
