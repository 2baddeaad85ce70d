"""What the rules know about a study's queries: how each is read, and what its jobs are told."""

from collections.abc import Collection
from typing import NamedTuple

from touchline.core.problems import InputError
from touchline.models import catalogue
from touchline.reels import clips
from touchline.reels.query import parse
from touchline.reels.vocabulary import Vocabulary, read_words
from touchline.study.job_arguments import flags
from touchline.study.plan import LABELS, PREDICTIONS, STYLE, Plan, checksums

ANSWERS = "results/highlights/{query}/answers/{model}/{match}.parquet"
REEL = "results/highlights/{query}/reels/{match}"
PAGE = "results/highlights/{query}/index.html"
TEMPLATES = ("reel.html.j2", "reel.js", "reel.css", "style.css")
# Of `highlights:`: what says which clips, not how they are cut.
_CHOOSING = ("model", "threshold", "matches", "vocabulary")


class Entry(NamedTuple):
    """A query of the configuration: its text, its own and the common settings, and its open question."""

    text: str
    settings: dict
    open_text: str | None

    @property
    def model(self) -> str:
        return self.settings["model"]


class Reels:
    """The queries of a study. Methods that take `wildcards` are called by Snakemake, as in `Plan`."""

    def __init__(self, plan: Plan) -> None:
        """Read the queries; raise `InputError` for one that cannot be answered."""
        self.plan = plan
        self.clubs = sorted(
            {club for match in plan.matches for club in clips.teams(match).values()}
        )
        common = plan.config["highlights"]
        self.vocabulary = {
            "actions": sorted(set(plan.config["labels"].values())),
            **read_words(common["vocabulary"]),
        }
        self.queries = {
            name: self._read(name, {"text": given} if isinstance(given, str) else dict(given))
            for name, given in plan.config["queries"].items()
        }

    def _read(self, name: str, given: dict) -> Entry:
        settings = self.plan.config["highlights"] | given
        # A text that starts with a dash would be taken for an option.
        text, model = settings.pop("text").strip().lstrip("-"), settings["model"]
        if model not in self.plan.models:
            raise InputError(
                f"queries: {name}: its model, {model}, is not in compare: "
                f"{', '.join(self.plan.models)}. Add it there, or set highlights.model."
            )
        if settings["min_s"] > settings["max_s"]:
            raise InputError(f"queries: {name}: min_s is above max_s. Make it smaller.")
        unknown = [one for one in settings["matches"] or [] if one not in self.plan.matches]
        if unknown:
            raise InputError(f"queries: {name}: no match {', '.join(unknown)} in the sheet.")
        try:
            query = parse(text, Vocabulary(**self.vocabulary), self.clubs)
        except InputError as error:
            raise InputError(f"queries: {name}: {error}") from error
        if query.open_text:
            catalogue.check_takes_open_questions(
                self.plan.models[model]["backend"], model, query.open_text
            )
        return Entry(text, settings, query.open_text)

    def matches(self, query: str) -> list[str]:
        """Return the matches of which a query makes reels, in the sheet's order."""
        named = self.queries[query].settings["matches"]
        usual = self.plan.matches_of(self.plan.config["score"]["split"], "challenge")
        return [match for match in self.plan.matches if match in (named or usual)]

    def pages(self) -> list[str]:
        return [PAGE.format(query=query) for query in self.queries]

    def question_arguments(self, wildcards) -> str:
        return flags(question=self.queries[wildcards.query].open_text)

    def answers(self, wildcards) -> str:
        """Return the answers that a reel is made of: the study's, or those to an open question."""
        query = self.queries[wildcards.query]
        pattern = ANSWERS if query.open_text else PREDICTIONS
        return pattern.format(query=wildcards.query, model=query.model, match=wildcards.match)

    def thresholds(self, wildcards) -> list[str]:
        """Return the file of the tuned thresholds, where the query goes by them."""
        query = self.queries[wildcards.query]
        is_own = query.settings["threshold"] is None and not query.open_text
        return tuned_file(self.plan, [query.model]) if is_own else []

    def videos(self, wildcards) -> list[str]:
        return list(self.plan.files("video", wildcards.match).values())

    def arguments(self, wildcards) -> str:
        query = self.queries[wildcards.query]
        threshold = query.settings["threshold"]
        if threshold is None and not self.thresholds(wildcards):
            own = self.plan.models[query.model].get("threshold", 0.0)
            threshold = 0.0 if own == "tuned" else own  # tuned on actions, not on an open question
        return flags(
            query=query.text,
            match=wildcards.match,
            model=query.model,
            clubs=self.clubs,
            halves={
                str(half["half"]): {"video": half["video"], "duration_s": half["duration_s"]}
                for half in self.plan.matches[wildcards.match]
            },
            threshold=threshold,
            thresholds=self.thresholds(wildcards) or None,
            vocabulary=self.vocabulary,
            **{name: query.settings[name] for name in query.settings if name not in _CHOOSING},
        )

    def reels(self, wildcards) -> list[str]:
        return [
            REEL.format(query=wildcards.query, match=match)
            for match in self.matches(wildcards.query)
        ]

    def labels(self, wildcards) -> list[str]:
        return [LABELS.format(match=match) for match in self.matches(wildcards.query)]

    def all_answers(self, wildcards) -> list[str]:
        """Return what a page's timelines show: every model's answers that the study has."""
        if self.queries[wildcards.query].open_text:
            return []
        own, scored = self.queries[wildcards.query].model, self.plan.scored()
        return [
            PREDICTIONS.format(model=model, match=match)
            for match in self.matches(wildcards.query)
            for model in self.plan.models
            if model == own or match in scored
        ]

    def all_thresholds(self, wildcards) -> list[str]:
        return (
            []
            if self.queries[wildcards.query].open_text
            else tuned_file(self.plan, self.plan.models)
        )

    def page_arguments(self, wildcards) -> str:
        return flags(
            name=wildcards.query,
            matches=self.matches(wildcards.query),
            model=self.queries[wildcards.query].model,
            models=list(self.plan.models),
            baselines=self.plan.baselines(),
            thresholds={
                model: entry.get("threshold", 0.0) for model, entry in self.plan.models.items()
            },
        )

    def template(self, wildcards) -> str:
        return checksums([str(STYLE.with_name(name)) for name in TEMPLATES])


def tuned_file(plan: Plan, models: Collection[str]) -> list[str]:
    """Return the files of the thresholds of those models that have tuned ones."""
    tuned = (model for model in models if plan.models[model].get("threshold") == "tuned")
    return [f"results/scores/{model}.thresholds.csv" for model in tuned]
