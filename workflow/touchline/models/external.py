"""Published predictions of another system, in the formats of the field.

They are `results_spotting.json` files in a folder or a zip (SoccerNet, spivak), or one list of
frames (E2E-Spot, T-DEED). A spot becomes the 12 s around it. Thresholds, scores and tables are those of every model.
"""

from pathlib import Path

import polars as pl

from touchline.core import actions
from touchline.core.intervals import far_past_s
from touchline.core.problems import NOTED, InputError, Problem
from touchline.data import spotting_json
from touchline.data.exchange import frame_lists
from touchline.models.backend import Match
from touchline.models.check_settings import check_names
from touchline.models.peaks import to_predictions


class External:
    """Predictions from files; `labels` maps the files' labels to actions.

    `fps` is the rate of the frames of a list of frames that does not give it.
    """

    def __init__(self, path: Path, labels: dict[str, str], fps: float | None = None) -> None:
        self.path, self.labels, self.fps = path, labels, fps
        self.problems: list[Problem] = []

    def answer(self, match: Match) -> pl.DataFrame:
        """Return the file's spots as intervals, without those of other actions or in no chunk.

        The samples of a half that the file lacks are skipped, and it is listed as a problem.
        Raises `InputError` where the match has no valid file, or the file has no known label.
        """
        if frame_lists.is_list(self.path):
            spots = frame_lists.read_spots(self.path, match.name, self.fps)
            halves = frame_lists.halves_of(self.path, match.name, self.fps)
        else:
            spots = spotting_json.read_spots(self.path, match.name)
            halves = spotting_json.halves_of(self.path, match.name)
        sampled = match.samples["action"].unique().to_list()
        # Touchline's own exports write the action's name for an action that pools several labels.
        action_of = {actions.action_name(action): action for action in sampled} | self.labels
        unknown = sorted(set(spots["label"]) - action_of.keys())
        if unknown and len(unknown) == spots["label"].n_unique():
            raise InputError(
                f"{self.path}: {match.name}: no known label, but {', '.join(unknown)}. "
                "Add them under labels: in the configuration."
            )
        if unknown:
            self.problems.append(
                Problem(
                    match.name, "infer", f"unknown labels {', '.join(unknown)}.",
                    "Nothing to do if the study does not ask for them.", NOTED, file=str(self.path),
                )
            )  # fmt: skip
        self._note_spots_past_the_end(match, spots)
        action = pl.col("label").replace_strict(action_of, default=None, return_dtype=pl.String)
        answers = to_predictions(
            match.samples, spots.with_columns(action=action).drop_nulls("action")
        )
        missing = [] if halves is None else sorted(set(answers["half"]) - halves)
        for half in missing:
            self.problems.append(
                Problem(
                    match.name, "infer", f"has no video of half {half}, whose events count as missed.",
                    "Add the answers to it.", NOTED, half, str(self.path),
                )
            )  # fmt: skip
        status = pl.when(pl.col("half").is_in(missing)).then(pl.lit("skipped"))
        return answers.with_columns(status=status.otherwise("status"))

    def _note_spots_past_the_end(self, match: Match, spots: pl.DataFrame) -> None:
        """Note how many spots are in no chunk, as those of a whole half beside a part of its video.

        Raises `InputError` where most are so late that they are in another unit.
        """
        ends = dict(match.samples.group_by("half").agg(pl.col("end_s").max()).iter_rows())
        in_study = [row for row in spots.select("half", "time_s").iter_rows() if row[0] in ends]
        late = sum(time_s > ends[half] for half, time_s in in_study)
        if not late:
            return
        text = f"{late} of {len(in_study)} spots lie past the end of their half."
        remedy = "Correct the positions, which are milliseconds, or the durations in the sheet."
        if 2 * sum(time_s >= far_past_s(ends[half]) for half, time_s in in_study) > len(in_study):
            raise InputError(f"{self.path}: {match.name}: {text} {remedy}")
        remedy = f"Nothing to do, where the video is a part of the half. {remedy}"
        self.problems.append(Problem(match.name, "infer", text, remedy, NOTED, file=str(self.path)))


def load(settings: dict, folder: Path | None) -> External:
    """Return the model; `path` is its folder or file, `labels` the study's label → action.

    Raises `InputError` for an unknown or a missing setting.
    """
    check_names(settings, ["path", "labels", "fps"])
    if missing := [name for name in ("path", "labels") if name not in settings]:
        raise InputError(f"the settings of the model: {' and '.join(missing)} missing.")
    return External(Path(settings["path"]), settings["labels"], settings.get("fps"))
