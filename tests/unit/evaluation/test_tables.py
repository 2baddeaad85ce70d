"""The tables of all models beside metrics.csv."""

import polars as pl

from touchline.core import schema
from touchline.evaluation import table_format, tables


def test_cost_is_of_the_answers_and_else_of_the_jobs(tmp_path):
    rows = {"half": [1, 1], "chunk": [0, 1], "action": "goal", "intervals": [[], []]}
    answers = schema.fill_predictions(pl.DataFrame(rows))
    for match, seconds in (("a", 2.0), ("b", 4.0)):
        measured = answers.with_columns(seconds=pl.lit(seconds), cost_usd=pl.lit(0.25))
        schema.write(tmp_path / f"paid/{match}.parquet", measured, schema.PREDICTIONS)
        schema.write(tmp_path / f"free/{match}.parquet", answers, schema.PREDICTIONS)
        (tmp_path / f"{match}.tsv").write_text(f"s\th:m:s\n{seconds}\t0:00:00\n")
    jobs = f"{tmp_path}/{{match}}.tsv"
    paid = tables.cost(["a", "b"], f"{tmp_path}/paid/{{match}}.parquet", jobs)
    assert paid.row(0) == (2, 6.0, "answers", 0.5)
    free = tables.cost(["a", "b"], f"{tmp_path}/free/{{match}}.parquet", jobs)
    assert free.row(0) == (2, 3.0, "jobs", None)
    unknown = tables.cost(["a", "b"], f"{tmp_path}/free/{{match}}.parquet", "nowhere/{match}")
    assert unknown.row(0) == (2, None, None, None)


def test_what_each_parent_adds_is_the_paired_difference_in_the_order_asked_for(two_models):
    results = two_models / "results"
    scores = {
        model: schema.read(results / f"scores/{model}.parquet", schema.SCORES)
        for model in ("linear", "other")
    }
    both = pl.read_csv(results / "differences.csv").row(0, named=True)
    worse, better = both["other"], both["model"]
    joined = {worse: {"parents": [better], "fitted_on": "the valid split"}}
    table = tables.what_parents_add(joined, scores, 50, 0, 0.95)
    row = table.filter(
        protocol=both["protocol"], matching=both["matching"], action=both["action"]
    ).row(0, named=True)
    assert (row["model"], row["other"], row["fitted_on"]) == (worse, better, "the valid split")
    for one, other in (("difference", "difference"), ("low", "high"), ("high", "low")):
        assert abs(row[one] + both[other]) < 1e-6
    (shown,) = table_format.what_parents_add(table)
    assert [cells[1] for cells in shown.rows] == ["all", "Foul", "Free-kick", "Goal"]
    assert f"{worse} was fitted on the valid split." in shown.note
    assert table_format.what_parents_add(table.clear()) == []


def test_every_table_is_written_for_every_model_and_in_markdown(two_models):
    results = two_models / "results"
    for name in ("average_map", "precision_recall", "reliability", "parts", "errors", "cost"):
        assert pl.read_csv(results / f"{name}.csv")["model"].unique().sort().to_list() == [
            "linear", "other",
        ]  # fmt: skip
    text = (results / "tables.md").read_text()
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        f"## {table.title}" for table in table_format.read_tables(results)
    ]
    f1 = pl.read_csv(results / "metrics.csv").filter(
        model="other", protocol="full", matching="many", action="all"
    )["f1"]
    assert f"| {f1.item():.4f} |" in text
    pair = pl.read_csv(results / "differences.csv").row(0, named=True)
    assert f"| {pair['model']} − {pair['other']} |" in text
    assert pair["f1"] >= pair["f1_other"]
