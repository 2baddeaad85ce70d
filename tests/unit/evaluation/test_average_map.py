import json
import os
import subprocess

import numpy as np
import polars as pl
import pytest
from SoccerNet.Evaluation.ActionSpotting import evaluate

import osl_evaluation
import small_study
from touchline.core import schema
from touchline.data import spotting_json
from touchline.evaluation import average_map

GAMES = {"a": "league/2020-2021/Home 1 - 0 Away", "b": "b"}
NAMES = {"foul": "Foul", "free_kick": "Free-kick", "goal": "Goal"}
KEY = ["metric", "subset", "action"]


def judge(folder):
    return small_study.judge(folder, "linear", GAMES)


def value(table, column="average_map", **row):
    return table.filter(**({"action": "all", "subset": "all"} | row))[column].item()


def by_hand(folder, game, labels, spots):
    """Write a game's two files as SoccerNet has them, without any code of ours."""
    (folder / "truth" / game).mkdir(parents=True)
    (folder / "predictions" / game).mkdir(parents=True)
    annotations = [
        {"gameTime": f"{half} - 00:00", "label": NAMES[action], "position": f"{time_s * 1000:.0f}",
         "visibility": visibility}
        for half, time_s, action, _, _, visibility in labels.iter_rows() if action in NAMES
    ]  # fmt: skip
    predictions = [
        {"half": half, "label": NAMES[action], "position": f"{time_s * 1000:.0f}",
         "confidence": confidence}
        for half, time_s, action, confidence in spots.sort("confidence").iter_rows()
    ]  # fmt: skip
    truth = {"annotations": annotations}
    (folder / "truth" / game / "Labels-v2.json").write_text(json.dumps(truth))
    (folder / "predictions" / game / "results_spotting.json").write_text(
        json.dumps({"predictions": predictions})
    )


@pytest.mark.parametrize("metric", ["loose", "tight"])
def test_average_map_is_that_of_the_evaluator_on_files_written_by_hand(tmp_path, metric):
    labels = {match: small_study.events(seed) for seed, match in enumerate("ab")}
    spots = {
        match: small_study.random_spots(seed, labels[match]) for seed, match in enumerate("ab")
    }
    small_study.lay(tmp_path, labels)
    small_study.answer(tmp_path, "linear", spots)
    for match in "ab":
        by_hand(tmp_path, match, labels[match], spots[match])
    expected = evaluate(
        str(tmp_path / "truth"), str(tmp_path / "predictions"), metric=metric, dataset=None,
        EVENT_DICTIONARY={"Foul": 0, "Free-kick": 1, "Goal": 2},
    )  # fmt: skip
    table = judge(tmp_path).filter(metric=metric)
    for subset, suffix in (("all", ""), ("shown", "_visible"), ("unshown", "_unshown")):
        precisions = table.filter(subset=subset)["average_map"].to_list()
        per_class = expected[f"a_mAP_per_class{suffix}"]
        assert precisions == pytest.approx([expected[f"a_mAP{suffix}"], *per_class], abs=1e-9)
        assert 0 < precisions[0] < 1


def test_a_perfect_file_has_what_the_evaluator_gives_it(tmp_path):
    labels = small_study.events(7).unique("half", maintain_order=True)  # two events in all
    labels = labels.with_columns(action=pl.Series(["goal", "foul"]), visibility=pl.lit("visible"))
    small_study.lay(tmp_path, {"b": labels})
    small_study.answer(
        tmp_path, "linear", {"b": labels.select("half", "time_s", "action", confidence=1.0)}
    )
    table = judge(tmp_path)
    for metric in ("loose", "tight"):
        # Two of three classes have an event, none is unshown.
        assert value(table, metric=metric) == pytest.approx(2 / 3)
        assert value(table, "over_present", metric=metric) == 1
        assert value(table, "classes_present", metric=metric) == 2
        assert value(table, metric=metric, subset="unshown") == 0
        assert value(table, "over_present", metric=metric, subset="unshown") is None
        assert value(table, "events", metric=metric, subset="shown") == 2


def test_wrong_answers_in_a_half_without_events_weigh_on_the_unshown_alone(tmp_path):
    row = pl.DataFrame(
        [(1, 100.0, "goal", "Goal", None, "visible"), (1, 300.0, "goal", "Goal", None, "not shown")],
        schema.LABELS, orient="row",
    )  # fmt: skip
    small_study.lay(tmp_path, {"b": row})
    spots = [(1, 100.0, "goal", 0.5), (1, 300.0, "goal", 0.5), (2, 50.0, "goal", 0.9)]
    spots = pl.DataFrame(spots, {"half": pl.Int64, "time_s": float, "action": str, "confidence": float},
                         orient="row")  # fmt: skip
    small_study.answer(tmp_path, "linear", {"b": spots})
    table = judge(tmp_path).filter(metric="tight")
    assert value(table, subset="shown", action="goal") == 1
    assert value(table, subset="unshown", action="goal") == pytest.approx(1 / 2)


def test_of_two_spots_in_half_a_second_the_most_confident_counts(tmp_path):
    spots = pl.DataFrame(
        {"half": 1, "time_s": [10.1, 10.4, 9.6], "label": "Goal", "confidence": [0.9, 0.2, 0.5]}
    )
    spotting_json.write_spots(tmp_path, "game", spots)
    written = json.loads((tmp_path / "game/results_spotting.json").read_text())
    assert [entry["position"] for entry in written["predictions"]] == ["9600", "10400", "10100"]
    assert written["predictions"][2] == {
        "gameTime": "1 - 00:10", "label": "Goal", "position": "10100", "half": "1", "confidence": 0.9,
    }  # fmt: skip


def test_the_export_is_read_back_as_it_was(tmp_path):
    labels = {match: small_study.events(seed) for seed, match in enumerate("ab")}
    spots = {
        match: small_study.random_spots(seed, labels[match]) for seed, match in enumerate("ab")
    }
    small_study.lay(tmp_path, labels)
    small_study.answer(tmp_path, "linear", spots, threshold=0.9)
    judge(tmp_path)
    folder = tmp_path / "spotting/linear"
    assert (folder / GAMES["a"] / "results_spotting.json").is_file()
    for match, game in (("Home-1-0-Away", "a"), ("b", "b")):
        back = spotting_json.read_spots(folder, match).sort("half", "time_s")
        written = spots[game].sort("half", "time_s")
        assert back["confidence"].to_list() == written["confidence"].to_list()  # thresholds or not
        assert np.abs(back["time_s"].to_numpy() - written["time_s"].to_numpy()).max() < 0.0006


def test_an_action_of_several_labels_is_exported_by_its_own_name():
    names = average_map.class_names(["free_kick", "goal", "second_yellow_card"], small_study.LABELS)
    assert names["free_kick"] == "Free-kick"
    assert names["goal"] == "Goal"


def test_opensportslib_reads_the_osl_json_and_gives_the_same_average_map(tmp_path):
    """TOUCHLINE_OPENSPORTSLIB names a Python (3.12 or newer) that has opensportslib."""
    python = os.environ.get("TOUCHLINE_OPENSPORTSLIB")
    if not python:
        pytest.skip("TOUCHLINE_OPENSPORTSLIB names no Python that has opensportslib")
    labels = {match: small_study.events(seed) for seed, match in enumerate("ab")}
    spots = {
        match: small_study.random_spots(seed, labels[match]) for seed, match in enumerate("ab")
    }
    small_study.lay(tmp_path, labels)
    small_study.answer(tmp_path, "linear", spots)
    ours = judge(tmp_path)
    folder = tmp_path / "spotting/linear"
    scored = sum(
        len(table.filter(pl.col("action").is_in(list(NAMES)))) for table in labels.values()
    )
    for metric in ("loose", "tight"):
        files = [folder / "osl_annotations.json", folder / "osl_predictions.json"]
        command = [python, osl_evaluation.__file__, *map(str, files), metric]
        environment = {**os.environ, "PYTHONPATH": "", "WANDB_MODE": "disabled"}
        theirs = json.loads(subprocess.check_output(command, text=True, env=environment))
        assert len(theirs["frames"]) == scored
        assert theirs["classes"] == sorted(NAMES.values())
        assert 0 < theirs["a_mAP"] < 1
        assert theirs["a_mAP"] == pytest.approx(value(ours, metric=metric), abs=1e-3)
