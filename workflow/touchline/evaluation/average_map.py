"""Average-mAP, the field's measure: export one model's answers and have SoccerNet's evaluator judge them.

The evaluator is the SoccerNet package's own, on the files that it reads. What it does that a reader
may not expect:

- Times fall into half-second bins. Of several predictions of a class in one bin the last in the file
  counts; two events of a class in one bin are one.
- A tolerance of δ means δ/2 before and after the event. tight: δ = 1 … 5 s, loose: δ = 5 … 60 s.
- Confidences count at 200 thresholds from 0 to 1: what lies between two of them is tied. No
  threshold of the study is applied.
- A class without events in a subset (shown, unshown) has an average precision of 0 and is in the
  mean. `classes_present` says how many have events, and `over_present` is the mean over these.
- The mean of the unshown is multiplied by 17/13, for the four of its 17 classes that are always
  shown. For other sets of classes that is wrong; `over_present` is without it.
- A prediction belongs to the subset of the nearest event of its class in the half. Where the half has
  none it counts as unshown, so the wrong answers there weigh on the unshown alone.
- It knows halves 1 and 2, and 120 minutes of each.
"""

import argparse
import json
import tempfile
from pathlib import Path

import polars as pl

from touchline.core import actions, schema
from touchline.core.clock import game_time
from touchline.core.files import atomic_file, atomic_folder
from touchline.core.schema import ALL
from touchline.data import spotting_json

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


def class_names(asked: list[str], labels: dict[str, str]) -> dict[str, str]:
    """Return SoccerNet's label of each action; of one that joins several labels, its own name.

    SoccerNet's own 17 classes do not have such a name, so its server would pass over these spots.
    """
    joined = {action: [one for one in labels if labels[one] == action] for action in asked}
    return {
        action: found[0] if len(found) == 1 else actions.action_name(action)
        for action, found in joined.items()
    }


def spots(answers: pl.DataFrame, names: dict[str, str]) -> pl.DataFrame:
    """Return answers (columns of `schema.ANSWERS`) as spots: the middle of each interval.

    An answer without a confidence is certain. A middle before the half's start is put there.
    """
    return answers.select(
        "half",
        time_s=((pl.col("start_s") + pl.col("end_s")) / 2).clip(0),
        label=pl.col("action").replace_strict(names),
        confidence=pl.col("confidence").fill_null(1.0),
    )


def write_labels(folder: Path, game: str, events: pl.DataFrame, names: dict[str, str]) -> None:
    """Write a game's events of the asked actions as the evaluator reads labels."""
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


def evaluate(labels: Path, predictions: Path, classes: list[str], metric: str) -> dict:
    """Return what SoccerNet's evaluator says of two folders with the same game folders."""
    from SoccerNet.Evaluation.ActionSpotting import evaluate as soccernet_evaluate

    return soccernet_evaluate(
        str(labels),
        str(predictions),
        prediction_file=spotting_json.FILE,
        label_files="Labels-v2.json",
        metric=metric,
        dataset=None,  # the games are those in the folder
        EVENT_DICTIONARY={name: number for number, name in enumerate(classes)},
    )


def table(results: dict, metric: str, asked: list[str], events: pl.DataFrame) -> pl.DataFrame:
    """Return the evaluator's results for the actions `asked`, in its order (columns `AVERAGE_MAP`).

    `events` are those that were judged, with action and visibility.
    """
    rows = []
    for subset, (suffix, inside) in SUBSETS.items():
        counts = dict(events.filter(inside).group_by("action").len().iter_rows())
        precisions = dict(zip(asked, results[f"a_mAP_per_class{suffix}"], strict=True))
        present = [float(precisions[action]) for action in asked if counts.get(action)]
        mean = sum(present) / len(present) if present else None
        total = float(results[f"a_mAP{suffix}"])
        rows.append(
            (metric, subset, ALL, sum(counts.values()), len(asked), len(present), total, mean)
        )
        for action, precision in precisions.items():
            count = counts.get(action, 0)
            own = float(precision) if count else None
            rows.append((metric, subset, action, count, 1, int(count > 0), float(precision), own))
    return pl.DataFrame(rows, schema=AVERAGE_MAP, orient="row")


def main(argv: list[str]) -> None:
    """Write one model's answers as SoccerNet's files, and its Average-mAP."""
    parser = argparse.ArgumentParser(
        prog="touchline average_map", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--scores", type=Path, required=True, metavar="PARQUET")
    parser.add_argument("--answers", type=Path, required=True, metavar="PARQUET")
    parser.add_argument("--labels", default="results/labels/{match}.parquet", help="(%(default)s)")
    parser.add_argument(
        "--actions", type=json.loads, required=True, metavar="JSON",
        help='label → action, such as \'{"Corner": "corner"}\'',
    )  # fmt: skip
    parser.add_argument(
        "--games", type=json.loads, required=True, metavar="JSON", help="match → game folder"
    )
    parser.add_argument("--folder", type=Path, required=True, help="of the game folders, to write")
    parser.add_argument("--out", type=Path, required=True, metavar="CSV")
    args = parser.parse_args(argv)
    scores = schema.read(args.scores, schema.SCORES)
    answers = schema.read(args.answers, schema.ANSWERS)
    asked = scores["action"].unique().sort().to_list()
    names = class_names(asked, args.actions)
    judged = []
    with atomic_folder(args.folder) as folder, tempfile.TemporaryDirectory() as truth:
        for match in scores["match"].unique().sort():
            game = args.games[match]
            events = schema.read(args.labels.format(match=match), schema.LABELS)
            events = events.filter(pl.col("action").is_in(asked))
            judged.append(events.filter(pl.col("half") <= 2))
            spotting_json.write_spots(folder, game, spots(answers.filter(match=match), names))
            write_labels(Path(truth), game, events, names)
        events = pl.concat(judged)
        tables = [
            table(
                evaluate(Path(truth), folder, list(names.values()), metric), metric, asked, events
            )
            for metric in METRICS
        ]
    with atomic_file(args.out) as partial:
        pl.concat(tables).write_csv(partial)
