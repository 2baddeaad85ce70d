"""Average-mAP of one model by SoccerNet's evaluator, from its answers in SoccerNet's format.

The answers and the events are also written as OSL JSON, which opensportslib's evaluator reads.

The evaluator is that of the SoccerNet package. Its properties that are easy to overlook:

- Times are binned to half seconds. Of several predictions of a class in one bin only the last in
  the file counts; two events of a class in one bin count as one.
- A tolerance of δ means δ/2 before and after the event. tight: δ = 1 … 5 s, loose: δ = 5 … 60 s.
- Precision and recall are evaluated at 200 thresholds from 0 to 1: confidences between two of them
  are tied. No threshold of the run is applied.
- A class without events in a subset (shown, unshown) has an average precision of 0 and enters the
  mean. `classes_present` is the number of classes with events, `over_present` the mean over these.
- The mean over unshown events is multiplied by 17/13, because four of SoccerNet's 17 classes are
  always shown. For other sets of classes that is wrong; `over_present` is without this factor.
- A prediction belongs to the subset of the nearest event of its class in the half. In a half
  without such an event it counts as unshown, so false positives there lower the unshown mean alone.
- Only halves 1 and 2 are evaluated, and 120 minutes of each.

Where the SoccerNet package is not installed, the answers are written and the table has no rows.
"""

import argparse
import json
import tempfile
from pathlib import Path

import polars as pl

from touchline.core import actions, cli, schema
from touchline.core.clock import game_time
from touchline.core.errors import how_to_install, missing_modules
from touchline.core.files import atomic_file, atomic_folder
from touchline.core.schema import ALL
from touchline.data import spotting_json
from touchline.data.exchange import osl_json

METRICS = ("loose", "tight")
# The evaluator's name of a subset's results, and which events are in it.
SUBSETS = {
    "all": ("", pl.lit(True)),
    "shown": ("_visible", pl.col("visibility").ne_missing("not shown")),
    "unshown": ("_unshown", pl.col("visibility").eq_missing("not shown")),
}
AVERAGE_MAP = pl.Schema(
    {"metric": pl.String, "subset": pl.String, "action": pl.String, "events": pl.Int64}
    | {"classes": pl.Int64, "classes_present": pl.Int64}
    | {"average_map": pl.Float64, "over_present": pl.Float64}
)


def class_names(scored: list[str], labels: dict[str, str]) -> dict[str, str]:
    """Return the class name of each action: its SoccerNet label, or its own name if it has several.

    `labels` maps SoccerNet's labels to actions. The name of a joined action is not among
    SoccerNet's 17 classes, so SoccerNet's evaluation server would ignore these spots.
    """
    labels_of = {
        action: [label for label, target in labels.items() if target == action] for action in scored
    }
    return {
        action: own_labels[0] if len(own_labels) == 1 else actions.action_name(action)
        for action, own_labels in labels_of.items()
    }


def to_spots(answers: pl.DataFrame, names: dict[str, str]) -> pl.DataFrame:
    """Return answers (columns of `schema.ANSWERS`) as spots at the middle of each interval.

    Columns half, time_s, label, confidence. A missing confidence becomes 1; a middle before the
    half's start is moved to 0 s.
    """
    return answers.select(
        "half",
        time_s=((pl.col("start_s") + pl.col("end_s")) / 2).clip(0),
        label=pl.col("action").replace_strict(names),
        confidence=pl.col("confidence").fill_null(1.0),
    )


def write_labels(folder: Path, game: str, events: pl.DataFrame, names: dict[str, str]) -> None:
    """Write a game's events as a Labels-v2.json; `names` are the class names of their actions."""
    annotations = [
        {
            "gameTime": game_time(half, time_s),
            "label": names[action],
            "position": str(round(time_s * 1000)),
            "visibility": visibility or "visible",
        }
        for half, time_s, action, visibility in events.select(
            "half", "time_s", "action", "visibility"
        ).iter_rows()
    ]
    path = folder / game / "Labels-v2.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"annotations": annotations}), encoding="utf-8")


def run_evaluator(labels: Path, predictions: Path, classes: list[str], metric: str) -> dict:
    """Return the results of SoccerNet's evaluator for two folders with the same game folders.

    `classes` are in the order of the per-class results; `metric` is one of `METRICS`.
    """
    from SoccerNet.Evaluation.ActionSpotting import (  # type: ignore[import-untyped]  # no types
        evaluate as soccernet_evaluate,
    )

    return soccernet_evaluate(
        str(labels),
        str(predictions),
        prediction_file=spotting_json.FILE,
        label_files="Labels-v2.json",
        metric=metric,
        dataset=None,  # the games are those in the folder
        EVENT_DICTIONARY={name: number for number, name in enumerate(classes)},
    )


def to_table(results: dict, metric: str, scored: list[str], events: pl.DataFrame) -> pl.DataFrame:
    """Return the evaluator's results for the `scored` actions, in order (columns `AVERAGE_MAP`).

    `events` are those that were evaluated, with action and visibility.
    """
    rows = []
    for subset, (suffix, in_subset) in SUBSETS.items():
        counts = dict(events.filter(in_subset).group_by("action").len().iter_rows())
        precisions = dict(zip(scored, results[f"a_mAP_per_class{suffix}"], strict=True))
        present = [float(precisions[action]) for action in scored if counts.get(action)]
        over_present = sum(present) / len(present) if present else None
        mean = float(results[f"a_mAP{suffix}"])
        classes = (len(scored), len(present))
        rows.append((metric, subset, ALL, sum(counts.values()), *classes, mean, over_present))
        for action, precision in precisions.items():
            count = counts.get(action, 0)
            over_present = float(precision) if count else None
            classes = (1, int(count > 0))
            rows.append((metric, subset, action, count, *classes, float(precision), over_present))
    return pl.DataFrame(rows, schema=AVERAGE_MAP, orient="row")


def main(argv: list[str]) -> None:
    """Write one model's answers in SoccerNet's format, and its Average-mAP."""
    parser = argparse.ArgumentParser(
        prog="touchline average_map", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--scores", type=Path, required=True, metavar="PARQUET")
    parser.add_argument("--answers", type=Path, required=True, metavar="PARQUET")
    parser.add_argument("--labels", default="results/labels/{match}.parquet", help="(%(default)s)")
    parser.add_argument(
        "--actions", type=cli.json_object({"type": "string"}), required=True, metavar="JSON",
        help='label → action, such as \'{"Corner": "corner"}\'',
    )  # fmt: skip
    parser.add_argument(
        "--games",
        type=cli.json_object({"type": "string"}),
        required=True,
        metavar="JSON",
        help="match → game folder",
    )
    parser.add_argument("--folder", type=Path, required=True, help="to write: the game folders")
    parser.add_argument("--out", type=Path, required=True, metavar="CSV")
    args = parser.parse_args(argv)
    scores = schema.read(args.scores, schema.SCORES)
    answers = schema.read(args.answers, schema.ANSWERS)
    scored = scores["action"].unique().sort().to_list()
    names = class_names(scored, args.actions)
    evaluated = []
    spots, truths = {}, {}
    with atomic_folder(args.folder) as folder, tempfile.TemporaryDirectory() as labels_folder:
        for match in scores["match"].unique().sort():
            game = args.games[match]
            events = schema.read(args.labels.format(match=match), schema.LABELS)
            events = events.filter(pl.col("action").is_in(scored))
            evaluated.append(events.filter(pl.col("half") <= 2))
            spots[game] = to_spots(answers.filter(match=match), names)
            truths[game] = events.select(
                "half", "time_s", "visibility", label=pl.col("action").replace_strict(names)
            )
            spotting_json.write_spots(folder, game, spots[game])
            write_labels(Path(labels_folder), game, events, names)
        classes = list(names.values())
        osl_json.write_osl(folder / "osl_predictions.json", spots, classes, "predictions")
        osl_json.write_osl(folder / "osl_annotations.json", truths, classes, "annotations")
        if is_missing := bool(missing_modules("soccernet")):
            print(
                "note: there is no Average-mAP, as SoccerNet's evaluator is not installed. "
                f"{how_to_install('soccernet')}"
            )
        tables = [
            to_table(
                run_evaluator(Path(labels_folder), folder, classes, metric),
                metric,
                scored,
                pl.concat(evaluated),
            )
            for metric in METRICS
            if not is_missing
        ]
    with atomic_file(args.out) as partial:
        pl.concat([AVERAGE_MAP.to_frame(), *tables]).write_csv(partial)
