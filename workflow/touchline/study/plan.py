"""Plan of a study: the functions that Snakemake calls for a job's inputs and parameters.

They take the job's `wildcards` and nothing else: Snakemake does not compare a parameter that is
made from `input` with that of the last run. The methods follow the order of the rules.
"""

import shlex
from collections.abc import Callable
from pathlib import Path

from touchline.core.digest import digest
from touchline.core.problems import InputError
from touchline.data import spotting_json
from touchline.models import catalogue, shipped_bases
from touchline.study.job_arguments import (
    as_inputs,
    checksums,
    flags,
    state_of_others,
    versions,
)
from touchline.study.paths import (
    CHUNKS,
    COMMENTARY,
    FURTHER,
    LABELS,
    MODEL,
    PREDICTIONS,
    REPORT_TEMPLATES,
    SCOREBOARD,
    Wildcards,
)
from touchline.study.transcription import TranscribedStudy


class Plan(TranscribedStudy):
    """A study, and what each of its jobs reads and is told."""

    def chunks_arguments(self, wildcards: Wildcards) -> str:
        """Return the video and the settings of `touchline chunks`."""
        settings = {key: value for key, value in self.config["chunks"].items() if key != "when"}
        if settings["score_bug"] == "auto":
            del settings["score_bug"]
        return flags(
            video=self.video_file(wildcards),
            match=wildcards.match,
            half=wildcards.half,
            on_problem=self.config["on_problem"],
            scoreboard=self.found_score_bug(wildcards) or None,
            **self.config["grid"],
            **settings,
        )

    def found_score_bug(self, wildcards: Wildcards) -> list[str]:
        """Return the file that says where the score bug of a half is, for chunks that show it.

        A box that was given by hand is compared with it where a model needs the file anyway.
        """
        box = self.config["chunks"]["score_bug"]
        wanted = box == "auto" or (box and any(map(self.reads_scoreboard, self.models)))
        return [SCOREBOARD.format(match=wildcards.match, half=wildcards.half)] if wanted else []

    def scoreboard_arguments(self, wildcards: Wildcards) -> str:
        """Return the video of a half and its name, as arguments of `touchline scoreboard`."""
        problems = self.config["on_problem"]
        options = flags(match=wildcards.match, half=wildcards.half, on_problem=problems)
        return f"{options} -- {shlex.quote(self.video_file(wildcards))}"

    def scoreboard_packages(self, wildcards: Wildcards) -> str:
        """Return the versions of the packages that read the picture."""
        return versions("scoreboard")

    def samples_arguments(self, wildcards: Wildcards) -> str:
        """Return the arguments of `touchline samples`."""
        return flags(
            durations=self.durations(wildcards.match),
            **self.config["grid"],
            **self.config["samples"],
        )

    def backend_arguments(self, wildcards: Wildcards) -> str:
        """Return a model's backend and settings, as arguments of `touchline infer`."""
        return self._model_arguments(wildcards.model, catalogue.settings_of)

    def open_question_arguments(self, wildcards: Wildcards) -> str:
        """Return the same arguments for an open question."""
        return self._model_arguments(wildcards.model, catalogue.open_question_settings_of)

    def backend_code(self, wildcards: Wildcards) -> str:
        """Return the digest of the code that a model answers with."""
        return digest(catalogue.module_of(self.entry(wildcards.model)["backend"]))

    def training_code(self, wildcards: Wildcards) -> str:
        """Return the digest of the code that a model is trained with."""
        return digest(catalogue.trainer_of(self.entry(wildcards.model)["backend"]))

    def environment(self, wildcards: Wildcards) -> str:
        """Return the conda environment of a model, relative to the rules."""
        return f"../../envs/{self.environment_name(wildcards.model)}.yaml"

    def packages(self, wildcards: Wildcards) -> str:
        """Return the versions of the packages that a model is trained and asked with."""
        return versions(self.environment_name(wildcards.model))

    def requests(self, wildcards: Wildcards) -> int:
        """Return 1 for a job that asks a server, of which profiles run one at a time, else 0."""
        return int(self.entry(wildcards.model)["backend"] == "openai_api")

    def base_content(self, wildcards: Wildcards) -> str:
        """Return a checksum of a model's base where it is one of the package, else nothing."""
        return shipped_bases.content(self.entry(wildcards.model).get("base"))

    def fit_arguments(self, wildcards: Wildcards) -> str:
        """Return a model's backend and training settings, as arguments of `touchline fit`."""
        return self._model_arguments(wildcards.model, catalogue.training_settings_of)

    def _model_arguments(self, model: str, settings_of: Callable[[dict, dict], dict]) -> str:
        entry = self.entry(model)
        return flags(backend=entry["backend"], settings=settings_of(entry, self.config["labels"]))

    def training_priority(self, wildcards: Wildcards) -> int:
        """Return the priority of a match's tables and chunks: 1 where a training waits for them."""
        return int(wildcards.match in self.trained_on)

    def training_threads(self, wildcards: Wildcards) -> int:
        """Return the threads of a model's training, where that needs no GPU."""
        return catalogue.BACKENDS[self.entry(wildcards.model)["backend"]].training_threads

    def training_manifests(self, wildcards: Wildcards) -> list[str]:
        """Return the chunk manifests that a model is trained on; nothing if it reads no video."""
        return self.manifests_for(wildcards.model, self.fitted(wildcards.model))

    def training_answers(self, wildcards: Wildcards) -> list[str]:
        """Return the answers of other models that a model which joins them is fitted on."""
        return self._parents_answers(wildcards.model, self.fitted(wildcards.model))

    def training_arguments(self, wildcards: Wildcards) -> str:
        """Return the training data of a model, as arguments of `touchline fit`."""
        parents = self.parents(wildcards.model)
        return flags(
            matches=self.fitted(wildcards.model),
            manifests=self.manifest_pattern(wildcards.model),
            answers={name: PREDICTIONS.replace("{model}", name) for name in parents} or None,
            further=FURTHER if self.training_transcripts(wildcards) else None,
        )

    def joined_answers(self, wildcards: Wildcards) -> list[str]:
        """Return the answers of other models to a match, for a model that joins them."""
        return self._parents_answers(wildcards.model, [wildcards.match])

    def _parents_answers(self, model: str, matches: list[str]) -> list[str]:
        return [
            PREDICTIONS.format(model=parent, match=match)
            for parent in self.parents(model)
            for match in matches
        ]

    def trained_model(self, wildcards: Wildcards) -> list[str]:
        """Return the folder with a model's trained weights, or nothing for one without any."""
        trained = self.trained_as(wildcards.model)
        return [MODEL.format(model=trained)] if trained else []

    def watched_manifests(self, wildcards: Wildcards) -> list[str]:
        """Return the chunk manifests of a match, or nothing for a model that reads no video."""
        return self.manifests_for(wildcards.model, [wildcards.match])

    def read_scoreboards(self, wildcards: Wildcards) -> list[str]:
        """Return what was read in the videos of a match, or nothing for a model without need."""
        needs = self.reads_scoreboard(wildcards.model)
        return self.scoreboards_of(wildcards.match) if needs else []

    def published(self, wildcards: Wildcards) -> list[str]:
        """Return the files with another system's answers to the match: one, or those in a folder."""
        entry = self.entry(wildcards.model)
        if entry["backend"] != "external":
            return []
        path = Path(entry["path"])
        if not path.is_dir():
            return [str(path)]
        try:
            return [str(path / name) for name in spotting_json.find_files(path, wildcards.match)]
        except InputError:
            # The job reports it: Snakemake ignores errors of input functions in some of its plans.
            return []

    def published_input(self, wildcards: Wildcards) -> list[str]:
        """Return `published` as an input, where Snakemake can take it for one."""
        return as_inputs(self.published(wildcards))

    def given_content(self, wildcards: Wildcards) -> str:
        """Return the checksums of what a model answers from and no job makes.

        That is the file with another system's answers, or the files of the setting `weights`.
        """
        weights = catalogue.weight_files(self.models[wildcards.model])
        return checksums([*self.published(wildcards), *weights])

    def infer_arguments(self, wildcards: Wildcards) -> str:
        """Return the match, trained model and manifests, as arguments of `touchline infer`."""
        parents = self.parents(wildcards.model)
        return flags(
            match=wildcards.match,
            folder=self.trained_model(wildcards) or None,
            manifests=self.watched_manifests(wildcards) or None,
            scoreboards=self.read_scoreboards(wildcards) or None,
            answers=dict(zip(parents, self.joined_answers(wildcards), strict=True)) or None,
            further=self.further_commentary(wildcards) or None,
        )

    def tables(
        self, pattern: str, matches_of: Callable[[str], list[str]]
    ) -> Callable[[Wildcards], list[str]]:
        """Return an input function: one file for each of a model's matches, by a method for these."""

        def files(wildcards: Wildcards) -> list[str]:
            matches = matches_of(wildcards.model)
            return [pattern.format(match=match, model=wildcards.model) for match in matches]

        return files

    def estimate_arguments(self, wildcards: Wildcards) -> str:
        """Return the matches whose cost `touchline estimate` estimates, and where their chunks are."""
        matches = self.asked(wildcards.model)
        return flags(matches=matches, manifests=self.manifest_pattern(wildcards.model))

    def estimated_manifests(self, wildcards: Wildcards) -> list[str]:
        """Return the chunk manifests of these matches, or nothing for a model without video."""
        return self.manifests_for(wildcards.model, self.asked(wildcards.model))

    def score_arguments(self, wildcards: Wildcards) -> str:
        """Return the arguments of `touchline score`."""
        threshold = self.entry(wildcards.model).get("threshold", 0.0)
        return flags(
            matches=self.scored(),
            tune=self.tuned(wildcards.model),
            threshold=None if threshold == "tuned" else threshold,
            predictions=PREDICTIONS.replace("{model}", wildcards.model),
        )

    def sheet_input(self, wildcards: Wildcards) -> list[str]:
        """Return the sheet as an input, where Snakemake can take it for one."""
        return as_inputs([self.config["sheet"]])

    def sheet_state(self, wildcards: Wildcards) -> str:
        """Return the size and time of a sheet that is no input."""
        return state_of_others([self.config["sheet"]])

    def metrics_arguments(self, wildcards: Wildcards) -> str:
        """Return the arguments of `touchline metrics`."""
        return flags(
            sheet=self.config["sheet"],
            models=list(self.models),
            matches=list(self.matches),
            logs=[f"{folder}/log.parquet" for folder in self.logged_folders()] or None,
            tables=[LABELS, COMMENTARY] + [CHUNKS.replace("{half}", "*")] * bool(self.manifests()),
            **self.config["metrics"],
        )

    def loss_arguments(self, wildcards: Wildcards) -> str:
        """Return the arguments of `touchline loss_figure`."""
        return flags(trained=self.logged(), models=list(self.models), baselines=self.baselines())

    def average_map_arguments(self, wildcards: Wildcards) -> str:
        """Return the arguments of `touchline average_map`."""
        return flags(actions=self.config["labels"], games=self.games())

    def evaluation_arguments(self, wildcards: Wildcards) -> str:
        """Return the arguments of `touchline tables`."""
        return flags(
            models=list(self.models), joined=self.joined() or None, **self.config["metrics"]
        )

    def figures_arguments(self, wildcards: Wildcards) -> str:
        """Return the arguments of `touchline figures`."""
        return flags(models=list(self.models), baselines=self.baselines())

    def report_template(self, wildcards: Wildcards) -> str:
        """Return the checksums of the report's template and style."""
        return checksums(REPORT_TEMPLATES)

    def report_arguments(self, wildcards: Wildcards) -> str:
        """Return the arguments of `touchline report`."""
        metrics = {name: self.config["metrics"][name] for name in ("confidence_level", "resamples")}
        split = self.config["score"]["split"]
        titles = {match: self.written_name(match) for match in self.scored()}
        models = {"models": list(self.models), "baselines": self.baselines()}
        return flags(**models, split=split, titles=titles, **metrics)

    def provenance_arguments(self, wildcards: Wildcards) -> str:
        """Return the whole configuration, as an argument of `touchline provenance`."""
        return flags(config=self.config)

    def dag_arguments(self, wildcards: Wildcards) -> str:
        """Return the arguments of `touchline dag`, whose targets are all answers to one match."""
        match = (self.scored() or list(self.matches))[0]
        targets = [PREDICTIONS.format(model=model, match=match) for model in self.models]
        return flags(config=self.config, targets=targets)
