"""What the rules know about a study: its matches, its models, and what each job is told.

The rules stay declarative; the functions that Snakemake calls for a job's inputs and parameters are
the methods here, which take its `wildcards` (an object with `match`, `half` and `model`) and nothing
else: Snakemake does not compare a parameter that is made from `input` with that of the last run.
"""

import re
from collections.abc import Callable
from pathlib import Path

from touchline.core.digest import digest
from touchline.core.files import checksum
from touchline.core.problems import InputError
from touchline.data import matches, spotting_json
from touchline.models import catalogue
from touchline.models.catalogue import BACKENDS
from touchline.study.job_arguments import flags, versions

SAMPLES = "results/samples/{match}.parquet"
LABELS = "results/labels/{match}.parquet"
COMMENTARY = "results/commentary/{match}.parquet"
CHUNKS = "results/chunks/{match}/{half}.parquet"
BASES = "results/bases/{base}"
MODEL = "results/models/{model}"
PREDICTIONS = "results/predictions/{model}/{match}.parquet"
LOSS = "results/figures/loss.svg"
PAGE = Path(__file__).parents[2] / "report" / "page.html.j2"
STYLE = PAGE.with_name("style.css")
NOTHING = r"(?!)"  # matches no name


class Plan:
    """A study as its configuration and its sheet describe it."""

    def __init__(self, config: dict) -> None:
        """Read the sheet; raise `InputError` where it or the configuration makes no study."""
        check(config)
        self.config = config
        self.models = {name: config["models"][name] for name in sorted(config["compare"])}
        self.matches = matches.load_matches(config["sheet"], config["on_problem"])

    def matches_of(self, *splits: str, labelled: bool = False) -> list[str]:
        """Return the matches of these splits, in the sheet's order."""
        return [
            match
            for match, halves in self.matches.items()
            if halves[0]["split"] in splits and (halves[0]["labels"] or not labelled)
        ]

    def files(self, column: str, match: str) -> dict[int, str]:
        """Return a match's files in one column of the sheet, by half."""
        return {half["half"]: half[column] for half in self.matches[match] if half[column]}

    def durations(self, match: str) -> dict[int, float]:
        """Return the length of each half in seconds."""
        return {half["half"]: half["duration_s"] for half in self.matches[match]}

    def scored(self) -> list[str]:
        """Return the matches in the tables."""
        return self.matches_of(self.config["score"]["split"], labelled=True)

    def tuned(self, model: str) -> list[str]:
        """Return the matches that a model's thresholds are tuned on."""
        tuned = self.models[model].get("threshold") == "tuned"
        return self.matches_of("valid", labelled=True) if tuned else []

    def trains(self, model: str) -> bool:
        """Say whether a model is trained in this study."""
        return catalogue.is_trained(self.models[model])

    def reads_video(self, model: str) -> bool:
        """Say whether a model reads the chunks' videos."""
        return catalogue.reads_video(self.models[model])

    def pattern(self, language_models: bool) -> str:
        """Return a pattern of the models that are language models run here, or of the others."""
        names = [
            re.escape(model)
            for model, entry in self.models.items()
            if (BACKENDS[entry["backend"]].environment == "models") == language_models
        ]
        return "|".join(names) or NOTHING

    def manifests_of(self, matches: list[str]) -> list[str]:
        """Return the manifest of every half of these matches that has a video."""
        return [
            CHUNKS.format(match=match, half=half)
            for match in matches
            for half in self.files("video", match)
        ]

    # What Snakemake calls, rule by rule.

    def labels_file(self, wildcards) -> list[str]:
        return list(self.files("labels", wildcards.match).values())[:1]

    def labels_content(self, wildcards) -> str:
        return checksums(self.labels_file(wildcards))

    def labels_arguments(self, wildcards) -> str:
        return flags(
            match=wildcards.match,
            file=self.labels_file(wildcards) or None,
            durations=self.durations(wildcards.match),
            actions=self.config["labels"],
            on_problem=self.config["on_problem"],
        )

    def commentary_files(self, wildcards) -> list[str]:
        return list(self.files("commentary", wildcards.match).values())

    def commentary_content(self, wildcards) -> str:
        return checksums(self.commentary_files(wildcards))

    def commentary_arguments(self, wildcards) -> str:
        return flags(
            match=wildcards.match,
            files=self.files("commentary", wildcards.match),
            on_problem=self.config["on_problem"],
        )

    def video_file(self, wildcards) -> str:
        return self.files("video", wildcards.match)[int(wildcards.half)]

    def chunks_arguments(self, wildcards) -> str:
        own = {key: value for key, value in self.config["chunks"].items() if key != "when"}
        return flags(on_problem=self.config["on_problem"], **self.config["grid"], **own)

    def manifests(self) -> list[str]:
        """Return all manifests of the study: where `always` is set, or a model reads video."""
        wanted = self.config["chunks"]["when"] == "always" or any(
            map(self.reads_video, self.models)
        )
        return self.manifests_of(list(self.matches)) if wanted else []

    def samples_arguments(self, wildcards) -> str:
        return flags(
            durations=self.durations(wildcards.match),
            **self.config["grid"],
            **self.config["samples"],
        )

    def backend_arguments(self, wildcards) -> str:
        return self._arguments(wildcards.model, catalogue.settings_of)

    def backend_code(self, wildcards) -> str:
        return digest(catalogue.module_of(self.models[wildcards.model]["backend"]))

    def training_code(self, wildcards) -> str:
        return digest(catalogue.trainer_of(self.models[wildcards.model]["backend"]))

    def environment(self, wildcards) -> str:
        return f"../../envs/{self.environment_name(wildcards.model)}.yaml"

    def environment_name(self, model: str) -> str:
        entry = self.models[model]
        # Whatever loads a base needs torch.
        return "models" if "base" in entry else BACKENDS[entry["backend"]].environment

    def packages(self, wildcards) -> str:
        """Return the versions of the packages that a model is trained and asked with."""
        return versions(self.environment_name(wildcards.model))

    def requests(self, wildcards) -> int:
        """Return 1 for a job that asks a server, of which profiles run one at a time, else 0."""
        return int(self.models[wildcards.model]["backend"] == "openai_api")

    def base_arguments(self, wildcards) -> str:
        return flags(**self.config["bases"][wildcards.base])

    def made_base(self, wildcards) -> list[str]:
        """Return the folder of a model's base where this study makes it, or nothing."""
        base = self.models[wildcards.model].get("base")
        return [base] if base in map(self.base_folder, self.config["bases"]) else []

    def base_folder(self, base: str) -> str:
        return BASES.format(base=base)

    def fit_arguments(self, wildcards) -> str:
        return self._arguments(wildcards.model, catalogue.training_settings_of)

    def _arguments(self, model: str, settings_of: Callable[[dict, dict], dict]) -> str:
        entry = self.models[model]
        return flags(backend=entry["backend"], settings=settings_of(entry, self.config["labels"]))

    def training_manifests(self, wildcards) -> list[str]:
        matches = self.matches_of("train", labelled=True)
        return self.manifests_of(matches) if self.reads_video(wildcards.model) else []

    def training_arguments(self, wildcards) -> str:
        return flags(
            matches=self.matches_of("train", labelled=True),
            manifests=CHUNKS.replace("{half}", "*") if self.reads_video(wildcards.model) else None,
        )

    def trained_model(self, wildcards) -> list[str]:
        """Return the folder of the trained model, or nothing for a model that is not trained."""
        return [MODEL.format(model=wildcards.model)] if self.trains(wildcards.model) else []

    def watched_manifests(self, wildcards) -> list[str]:
        return self.manifests_of([wildcards.match]) if self.reads_video(wildcards.model) else []

    def published(self, wildcards) -> list[str]:
        """Return the file with another system's answers to the match: a zip, or one in a folder."""
        entry = self.models[wildcards.model]
        if entry["backend"] != "external":
            return []
        path = Path(entry["path"])
        try:
            return [
                str(
                    path / spotting_json.find_file(path, wildcards.match) if path.is_dir() else path
                )
            ]
        except InputError:
            return []  # which the job says: Snakemake passes over errors in some of its plans

    def published_content(self, wildcards) -> str:
        return checksums(self.published(wildcards))

    def infer_arguments(self, wildcards) -> str:
        return flags(
            match=wildcards.match,
            folder=self.trained_model(wildcards) or None,
            manifests=self.watched_manifests(wildcards) or None,
        )

    def answered(self, pattern: str) -> Callable:
        """Return an input function: one file for each match a model is scored or tuned on."""

        def files(wildcards) -> list[str]:
            matches = dict.fromkeys(self.scored() + self.tuned(wildcards.model))
            return [pattern.format(match=match, model=wildcards.model) for match in matches]

        return files

    def estimate_arguments(self, wildcards) -> str:
        return flags(matches=list(dict.fromkeys(self.scored() + self.tuned(wildcards.model))))

    def score_arguments(self, wildcards) -> str:
        threshold = self.models[wildcards.model].get("threshold", 0.0)
        return flags(
            matches=self.scored(),
            tune=self.tuned(wildcards.model),
            threshold=None if threshold == "tuned" else threshold,
            predictions=PREDICTIONS.replace("{model}", wildcards.model),
        )

    def logged(self) -> list[str]:
        """Return the models whose training has a log of its steps."""
        return [
            model
            for model, entry in self.models.items()
            if self.trains(model) and BACKENDS[entry["backend"]].logs_steps
        ]

    def logged_folders(self) -> list[str]:
        return [MODEL.format(model=model) for model in self.logged()]

    def loss_figure(self) -> list[str]:
        """Return the figure of the loss, where there is any to draw."""
        return [LOSS] if self.logged() else []

    def loss_arguments(self, wildcards) -> str:
        return flags(trained=self.logged(), models=list(self.models), baselines=self.baselines())

    def games(self) -> dict[str, str]:
        """Return the game folder of each scored match: SoccerNet's where its labels lie in one."""
        return {
            match: game_folder(match, *self.files("labels", match).values())
            for match in self.scored()
        }

    def average_map_arguments(self, wildcards) -> str:
        return flags(actions=self.config["labels"], games=self.games())

    def evaluation_arguments(self, wildcards) -> str:
        return flags(models=list(self.models), **self.config["metrics"])

    def baselines(self) -> list[str]:
        """Return the models that look at nothing."""
        return [model for model, entry in self.models.items() if entry["backend"] == "constant"]

    def figures_arguments(self, wildcards) -> str:
        return flags(models=list(self.models), baselines=self.baselines())

    def provenance_arguments(self, wildcards) -> str:
        return flags(config=self.config)

    def dag_arguments(self, wildcards) -> str:
        """Return what to draw: all that leads to the answers of every model to one match."""
        match = (self.scored() or list(self.matches))[0]
        drawn = [PREDICTIONS.format(model=model, match=match) for model in self.models]
        return flags(config=self.config, targets=drawn)

    def report_template(self, wildcards) -> str:
        return checksums([str(PAGE), str(STYLE)])

    def report_arguments(self, wildcards) -> str:
        own = {name: self.config["metrics"][name] for name in ("confidence_level", "resamples")}
        split = self.config["score"]["split"]
        return flags(models=list(self.models), baselines=self.baselines(), split=split, **own)

    def metrics_arguments(self, wildcards) -> str:
        return flags(
            models=list(self.models),
            matches=list(self.matches),
            logs=[f"{folder}/log.parquet" for folder in self.logged_folders()] or None,
            tables=[LABELS, COMMENTARY] + [CHUNKS.replace("{half}", "*")] * bool(self.manifests()),
            **self.config["metrics"],
        )


def game_folder(match: str, labels: str, *_: str) -> str:
    """Return league/season/game of a label file that lies so, else the match's name."""
    parts = Path(labels).parts
    is_soccernet = parts[-1] == "Labels-v2.json" and matches.slug(parts[-2]) == match
    return "/".join(parts[-4:-1]) if is_soccernet and len(parts) > 4 else match


def checksums(paths: list[str]) -> str:
    """Return those of a job's raw files: an edit counts even when it is made while the job runs."""
    return " ".join(checksum(path) for path in paths)


def check(config: dict) -> None:
    """Raise `InputError` where settings contradict each other in a way that a schema cannot say."""
    unknown = [model for model in config["compare"] if model not in config["models"]]
    if unknown:
        raise InputError(
            f"configuration: compare: no model {', '.join(unknown)}. "
            f"The models: section has {', '.join(config['models'])}."
        )
    known = sorted(set(config["labels"].values()))
    unknown = [action for action in config["samples"]["actions"] if action not in known]
    if unknown:
        raise InputError(
            f"configuration: samples.actions: no label leads to {', '.join(unknown)}. "
            f"The labels: section leads to {', '.join(known)}."
        )
    grid = config["grid"]
    if grid["overlap_s"] >= grid["length_s"]:
        raise InputError(
            f"configuration: grid: chunks of {grid['length_s']} s cannot share "
            f"{grid['overlap_s']} s. Make overlap_s smaller than length_s."
        )
