"""A study as its configuration and its sheet define it: matches, splits, models, baselines."""

import re
from functools import cached_property
from pathlib import Path

from touchline.core.problems import InputError
from touchline.data import match_names, matches
from touchline.data.spotting_json import has_files
from touchline.models import catalogue
from touchline.models.catalogue import BACKENDS
from touchline.study.config_checks import check_config
from touchline.study.paths import CHUNKS, LOSS, MODEL, SCOREBOARD

NO_MODEL = r"(?!)"  # a regular expression that matches nothing


class StudyDefinition:
    """The matches and models of a study.

    `models` maps each compared model to its entry of the configuration, `matches` each match to its
    halves, which are rows of the sheet.
    """

    def __init__(self, config: dict) -> None:
        """Read the sheet; raise `InputError` where it or the configuration makes no study."""
        check_config(config)
        self.config = config
        self.models = {name: config["models"][name] for name in sorted(config["compare"])}
        for entry in self.models.values():
            catalogue.check_actions(entry, config["samples"]["actions"], config["labels"])
        self.matches = matches.load_matches(config["sheet"], config["on_problem"])

    def matches_of(self, *splits: str, labelled: bool = False) -> list[str]:
        """Return the matches of these splits, in the sheet's order."""
        return [
            match
            for match, halves in self.matches.items()
            if halves[0]["split"] in splits and (halves[0]["labels"] or not labelled)
        ]

    def files(self, column: str, match: str) -> dict[int, str]:
        """Return a match's files in one column of the sheet, by half: of several transcripts the first."""
        return {
            half["half"]: half[column]
            if column != "commentary"
            else matches.transcripts_of(half[column])[0]
            for half in self.matches[match]
            if half[column]
        }

    def further_files(self, match: str) -> dict[int, list[str]]:
        """Return the further transcripts of each half of a match that has any in the sheet."""
        further = {
            half["half"]: matches.transcripts_of(half["commentary"])[1:]
            for half in self.matches[match]
            if half["commentary"]
        }
        return {half: files for half, files in further.items() if files}

    def durations(self, match: str) -> dict[int, float]:
        """Return the length of each half in seconds."""
        return {half["half"]: half["duration_s"] for half in self.matches[match]}

    def scored(self) -> list[str]:
        """Return the matches that the metric tables are computed on."""
        return self.matches_of(self.config["score"]["split"], labelled=True)

    def tuned(self, model: str) -> list[str]:
        """Return the matches that a model's thresholds are tuned on.

        They are the valid ones, but for a model that joins others and is fitted on the scored ones:
        one of the others may have no answers to the valid matches.
        """
        if self.entry(model).get("threshold") != "tuned":
            return []
        return self.fitted(model) if self.parents(model) else self._valid()

    def answered_matches(self, model: str) -> list[str]:
        """Return the matches that a model is scored or tuned on."""
        return list(dict.fromkeys(self.scored() + self.tuned(model)))

    def _valid(self) -> list[str]:
        return self.matches_of("valid", labelled=True)

    def parents(self, model: str) -> list[str]:
        """Return the models whose answers a model joins; nothing for any other model."""
        return catalogue.parents_of(self.entry(model))

    def fitted(self, model: str) -> list[str]:
        """Return the matches that a model is trained on."""
        if not self.parents(model):
            return self.matches_of("train", labelled=True)
        return self._valid() if self.fit_split(model) == "valid" else self.scored()

    def fit_split(self, model: str) -> str:
        """Return the split that a model which joins others is fitted on.

        With `fit_on: auto` that is the valid one where every parent can answer it, else the scored
        one.
        """
        return self._fit_splits[model]

    @cached_property
    def _fit_splits(self) -> dict[str, str]:
        scored, splits = self.config["score"]["split"], {}
        for model in filter(self.parents, dict.fromkeys([*self.models, *self.trained()])):
            fit_on = self.entry(model).get("fit_on", "auto")
            can_answer = bool(self._valid()) and not self._without_answers(model)
            on_valid = fit_on == "valid" or (fit_on == "auto" and can_answer)
            splits[model] = "valid" if on_valid else scored
        return splits

    def _without_answers(self, model: str) -> list[str]:
        """Return the parents that have no answers to some valid match: published by another system."""
        published = {
            parent: Path(entry["path"])
            for parent in self.parents(model)
            if (entry := self.entry(parent))["backend"] == "external"
        }
        valid = self._valid()
        return [name for name, path in published.items() if not has_files(path, valid)]

    def joined(self) -> dict[str, dict]:
        """Return the parents of each model that joins others, and in words what it is fitted on."""
        scored, found = self.config["score"]["split"], {}
        for model, split in self._fit_splits.items():
            fitted_on = f"the {split} split"
            if split == scored:
                fitted_on = (
                    f"the scored matches (the {split} split) in folds, and each of them is answered "
                    "by a fit to the other folds"
                )
            if lacking := self._without_answers(model):
                fitted_on += f", since {' and '.join(lacking)} cannot answer all of the valid split"
            found[model] = {"parents": self.parents(model), "fitted_on": fitted_on}
        return found

    def games(self) -> dict[str, str]:
        """Return the game folder of each scored match: SoccerNet's where its labels lie in one."""
        return {
            match: game_folder(match, *self.files("labels", match).values())
            for match in self.scored()
        }

    def written_name(self, match: str) -> str:
        """Return a match's name as people write it."""
        columns = ("labels", "video", "commentary")
        files = [file for column in columns for file in self.files(column, match).values()]
        return match_names.written_name(match, files)

    def entry(self, model: str) -> dict:
        """Return the configuration of a model, which need not be compared.

        Raises `InputError` where there is none of this name.
        """
        if model not in self.config["models"]:
            known = ", ".join(self.config["models"])
            raise InputError(f"no model {model}. The models: section has {known}.")
        return self.config["models"][model]

    def trained_as(self, model: str) -> str | None:
        """Return the model whose training a model answers with: itself, another one or none."""
        entry = self.entry(model)
        return entry.get("trained_as", model) if catalogue.is_trained(entry) else None

    def asked(self, model: str) -> list[str]:
        """Return the matches that a model answers for the tables, also for models that join it."""
        matches = self.scored() + self.tuned(model)
        for other in self.models:
            if model in self.parents(other):
                matches += self.fitted(other)
        return list(dict.fromkeys(matches))

    def trained(self) -> list[str]:
        """Return the models that are trained in this study."""
        return list(dict.fromkeys(filter(None, map(self.trained_as, self.models))))

    @cached_property
    def trained_on(self) -> set[str]:
        """The matches whose tables and chunks a training waits for."""
        trained = [model for model in self.trained() if not self.parents(model)]
        return set(self.matches_of("train", labelled=True)) if trained else set()

    def reads_video(self, model: str) -> bool:
        """Return whether a model reads the chunks' videos."""
        return catalogue.reads_video(self.entry(model))

    def reads_scoreboard(self, model: str) -> bool:
        """Return whether a model answers from what the stage `scoreboard` reads in the picture."""
        return catalogue.BACKENDS[self.entry(model)["backend"]].reads_scoreboard

    def reads_transcripts(self, model: str) -> bool:
        """Return whether a model reads all transcripts of a half, not the first alone."""
        return catalogue.BACKENDS[self.entry(model)["backend"]].reads_transcripts

    def scoreboards_of(self, match: str) -> list[str]:
        """Return what is read in the video of every half of a match that has one."""
        return [SCOREBOARD.format(match=match, half=half) for half in self.files("video", match)]

    def baselines(self) -> list[str]:
        """Return the baselines: models that read neither video nor commentary."""
        return [model for model, entry in self.models.items() if entry["backend"] == "constant"]

    def pattern(self, language_models: bool, joins: bool | None = None) -> str:
        """Return a regular expression of the models that are local language models, or not.

        `joins` says that they join other models, or do not; None, that it does not matter.
        """
        backends = {
            model: BACKENDS[self.entry(model)["backend"]]
            for model in dict.fromkeys([*self.models, *self.trained()])
        }
        names = [
            re.escape(model)
            for model, backend in backends.items()
            if (backend.environment == "models") == language_models
            and joins in (None, backend.joins_models)
        ]
        return "|".join(names) or NO_MODEL

    def environment_name(self, model: str) -> str:
        """Return the name of a model's environment, one of envs/*.yaml."""
        entry = self.entry(model)
        if "base" in entry:  # whatever loads one needs torch
            return "models"
        # `networks` is for training.
        return "tables" if "weights" in entry else BACKENDS[entry["backend"]].environment

    def manifests_of(self, matches: list[str]) -> list[str]:
        """Return the manifest of every half of these matches that has a video."""
        return [
            CHUNKS.format(match=match, half=half)
            for match in matches
            for half in self.files("video", match)
        ]

    def manifests_for(self, model: str, matches: list[str]) -> list[str]:
        """Return the manifests of these matches for a model that reads video, else nothing."""
        return self.manifests_of(matches) if self.reads_video(model) else []

    def manifest_pattern(self, model: str) -> str | None:
        """Return where the manifests of a {match} are for a model that reads video, else None."""
        return CHUNKS.replace("{half}", "*") if self.reads_video(model) else None

    def manifests(self) -> list[str]:
        """Return all manifests of the study: where `always` is set, or a model reads video."""
        wanted = self.config["chunks"]["when"] == "always" or any(
            map(self.reads_video, self.models)
        )
        return self.manifests_of(list(self.matches)) if wanted else []

    def logged(self) -> list[str]:
        """Return the models whose training has a log of its steps."""
        return [
            model for model in self.trained() if BACKENDS[self.entry(model)["backend"]].logs_steps
        ]

    def logged_folders(self) -> list[str]:
        """Return the folders of the models whose training has a log of its steps."""
        return [MODEL.format(model=model) for model in self.logged()]

    def loss_figure(self) -> list[str]:
        """Return the path of the loss figure, or nothing where no training has a log."""
        return [LOSS] if self.logged() else []


def game_folder(match: str, labels: str, *_: str) -> str:
    """Return league/season/game of a SoccerNet label file, or the match's name for another one."""
    parts = Path(labels).parts
    is_soccernet = parts[-1] == "Labels-v2.json" and matches.slug(parts[-2]) == match
    return "/".join(parts[-4:-1]) if is_soccernet and len(parts) > 4 else match
