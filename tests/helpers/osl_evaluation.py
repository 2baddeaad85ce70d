"""Run by a Python that has opensportslib: read its annotations with its loader, and evaluate.

    python osl_evaluation.py ANNOTATIONS PREDICTIONS METRIC

prints a JSON: what the loader read, and the results of the evaluator.
"""

import contextlib
import io
import json
import re
import sys
from types import SimpleNamespace


def main(annotations: str, predictions: str, metric: str) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        from opensportslib.core.trainer.localization_trainer import Evaluator
        from opensportslib.core.utils.load_annotations import expand_localization_intervals
        from opensportslib.datasets.localization_dataset import FeaturefromJson

        loaded = FeaturefromJson(annotations, "", None)
        samples = loaded.data_json[0]["data"]
        frames = [
            loaded.annotation(event)[:2]
            for sample in samples
            for segment in expand_localization_intervals(sample)
            for event in segment["events"]
        ]
        evaluator = Evaluator(SimpleNamespace(DATA=SimpleNamespace()), "evaluate_pred_JSON")
        table = evaluator.evaluate_common_JSON(
            SimpleNamespace(annotation_path=annotations), predictions, metric
        )
    # The evaluator gives a table for people: percentages of two decimals, of all events first.
    rows = [re.split(r" {2,}", line.strip()) for line in table.splitlines()[2:]]
    percents = {row[0]: float(row[1]) for row in rows}
    print(
        json.dumps(
            {
                "classes": sorted(loaded.classes),
                "frames": frames,
                "a_mAP": percents["Average mAP"] / 100,
                "per_class": {name: percents[name] / 100 for name in loaded.classes},
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
