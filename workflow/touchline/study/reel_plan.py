"""Plan of a study's highlight reels: its queries, and the inputs and parameters of their jobs."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from touchline.core.problems import InputError
from touchline.data.match_names import teams
from touchline.models import catalogue
from touchline.reels.clips import DEFAULT, Before, check_actions, merge_before
from touchline.reels.query import Query, parse_query
from touchline.reels.vocabulary import Vocabulary, read_vocabulary
from touchline.study.job_arguments import as_inputs, checksums, flags, state_of_others
from touchline.study.paths import (
    LABELS,
    OPEN_ANSWERS,
    PREDICTIONS,
    REEL,
    REEL_PAGE,
    REEL_TEMPLATES,
    THRESHOLDS,
    Wildcards,
)
from touchline.study.plan import Plan

# Settings of a query that its reels' jobs are not told as they stand.
_RESOLVED_SETTINGS = ("model", "threshold", "matches", "vocabulary", "before_s")


class PlannedQuery(NamedTuple):
    """A query of the configuration, parsed, with the settings of `highlights:` and the query's own."""

    query: Query
    settings: dict

    @property
    def open_text(self) -> str | None:
        """The open question, None where the query asks for known actions."""
        return self.query.open_text

    @property
    def model(self) -> str:
        """The model whose answers the reels are made of."""
        return self.settings["model"]


class Reels:
    """The queries of a study. Methods that take `wildcards` are called by Snakemake, as in `Plan`.

    `clubs` are the names of all clubs in the sheet, which a query may name.
    """

    def __init__(self, plan: Plan) -> None:
        """Read the queries; raise `InputError` for one that cannot be answered."""
        self.plan = plan
        self.clubs = sorted({club for match in plan.matches for club in teams(match).values()})
        common = plan.config["highlights"]
        self.vocabulary = Vocabulary(
            sorted(set(plan.config["labels"].values())), **read_vocabulary(common["vocabulary"])
        )
        self.queries = {
            name: self._parse(name, {"text": entry} if isinstance(entry, str) else dict(entry))
            for name, entry in plan.config["queries"].items()
        }

    def _parse(self, name: str, entry: dict) -> PlannedQuery:
        common = self.plan.config["highlights"]
        settings = common | entry
        settings["before_s"] = merge_before(common["before_s"], settings["before_s"])
        # A text that starts with a dash would be taken for an option.
        text, model = settings.pop("text").strip().lstrip("-"), settings["model"]
        if model not in self.plan.models:
            raise InputError(
                f"queries: {name}: its model, {model}, is not in compare: "
                f"{', '.join(self.plan.models)}. Add it there, or set highlights.model."
            )
        if settings["min_s"] > settings["max_s"]:
            raise InputError(f"queries: {name}: min_s is above max_s. Make it smaller.")
        actions = self.vocabulary.actions
        check_actions(settings["before_s"], actions, f"queries: {name}: before_s")
        unknown = [match for match in settings["matches"] or [] if match not in self.plan.matches]
        if unknown:
            raise InputError(f"queries: {name}: no match {', '.join(unknown)} in the sheet.")
        try:
            query = parse_query(text, self.vocabulary, self.clubs)
        except InputError as error:
            raise InputError(f"queries: {name}: {error}") from error
        if query.open_text:
            catalogue.check_takes_open_questions(
                self.plan.models[model]["backend"], model, query.open_text
            )
        return PlannedQuery(query, settings)

    def matches(self, query: str) -> list[str]:
        """Return the matches of which a query makes reels, in the sheet's order."""
        selected = self.queries[query].settings["matches"]
        default = self.plan.matches_of(self.plan.config["score"]["split"], "challenge")
        return [match for match in self.plan.matches if match in (selected or default)]

    def pages(self) -> list[str]:
        """Return the page of every query."""
        return [REEL_PAGE.format(query=query) for query in self.queries]

    def question_arguments(self, wildcards: Wildcards) -> str:
        """Return the open question of a query, as an argument of `touchline question`."""
        return flags(question=self.queries[wildcards.query].open_text)

    def answers(self, wildcards: Wildcards) -> str:
        """Return the answers that a reel is made of: the study's, or those to an open question."""
        query = self.queries[wildcards.query]
        pattern = OPEN_ANSWERS if query.open_text else PREDICTIONS
        return pattern.format(query=wildcards.query, model=query.model, match=wildcards.match)

    def thresholds(self, wildcards: Wildcards) -> list[str]:
        """Return the file of the tuned thresholds, or nothing where the query does not use them."""
        query = self.queries[wildcards.query]
        uses_models = query.settings["threshold"] is None and not query.open_text
        return tuned_thresholds(self.plan, [query.model]) if uses_models else []

    def scoreboards(self, wildcards: Wildcards) -> list[str]:
        """Return what was read in the videos of a match, where the query's model answers from it.

        So does a model that joins one that does.
        """
        model = self.queries[wildcards.query].model
        needs = any(map(self.plan.reads_scoreboard, [model, *self.plan.parents(model)]))
        return self.plan.scoreboards_of(wildcards.match) if needs else []

    def videos(self, wildcards: Wildcards) -> list[str]:
        """Return the videos of a match as inputs, where Snakemake can take them for some."""
        return as_inputs(self.plan.files("video", wildcards.match).values())

    def videos_state(self, wildcards: Wildcards) -> str:
        """Return the size and time of the videos that are no inputs."""
        return state_of_others(self.plan.files("video", wildcards.match).values())

    def arguments(self, wildcards: Wildcards) -> str:
        """Return the arguments of `touchline highlights`."""
        query = self.queries[wildcards.query]
        threshold = query.settings["threshold"]
        if threshold is None and not self.thresholds(wildcards):
            entry = self.plan.models[query.model]
            threshold = entry.get("threshold", 0.0)
            if query.open_text or threshold == "tuned":
                threshold = catalogue.open_question_threshold(entry)
        return flags(
            query=query.query.to_dict(),
            match=wildcards.match,
            model=query.model,
            halves={
                str(half["half"]): {"video": half["video"], "duration_s": half["duration_s"]}
                for half in self.plan.matches[wildcards.match]
            },
            threshold=threshold,
            thresholds=self.thresholds(wildcards) or None,
            scoreboards=self.scoreboards(wildcards) or None,
            title=self.plan.written_name(wildcards.match),
            before_s=_before_of(query),
            **{
                name: value
                for name, value in query.settings.items()
                if name not in _RESOLVED_SETTINGS
            },
        )

    def reels(self, wildcards: Wildcards) -> list[str]:
        """Return the reel of every match of a query."""
        return [
            REEL.format(query=wildcards.query, match=match)
            for match in self.matches(wildcards.query)
        ]

    def labels(self, wildcards: Wildcards) -> list[str]:
        """Return the labels of every match of a query."""
        return [LABELS.format(match=match) for match in self.matches(wildcards.query)]

    def all_answers(self, wildcards: Wildcards) -> list[str]:
        """Return the answers on a page's timelines: those of every model that the study has."""
        if self.queries[wildcards.query].open_text:
            return []
        query_model, scored = self.queries[wildcards.query].model, self.plan.scored()
        return [
            PREDICTIONS.format(model=model, match=match)
            for match in self.matches(wildcards.query)
            for model in self.plan.models
            if model == query_model or match in scored
        ]

    def all_thresholds(self, wildcards: Wildcards) -> list[str]:
        """Return the tuned thresholds of the answers on a page's timelines."""
        if self.queries[wildcards.query].open_text:
            return []
        return tuned_thresholds(self.plan, self.plan.models)

    def page_arguments(self, wildcards: Wildcards) -> str:
        """Return the arguments of `touchline reel_page`."""
        matches = self.matches(wildcards.query)
        return flags(
            name=wildcards.query,
            matches=matches,
            unlabelled=[match for match in matches if not self.plan.files("labels", match)],
            model=self.queries[wildcards.query].model,
            models=list(self.plan.models),
            baselines=self.plan.baselines(),
            thresholds={
                model: entry.get("threshold", 0.0) for model, entry in self.plan.models.items()
            },
        )

    def template(self, wildcards: Wildcards) -> str:
        """Return the checksums of a page's template, script and styles."""
        return checksums(REEL_TEMPLATES)


def _before_of(query: PlannedQuery) -> Before:
    """Return `before_s` for the query's own actions, on which alone its reels depend."""
    before_s = query.settings["before_s"]
    if not isinstance(before_s, Mapping):
        return before_s
    return {name: before_s[name] for name in (DEFAULT, *query.query.actions) if name in before_s}


def tuned_thresholds(plan: Plan, models: Collection[str]) -> list[str]:
    """Return the threshold files of those models whose thresholds are tuned."""
    tuned = (model for model in models if plan.models[model].get("threshold") == "tuned")
    return [THRESHOLDS.format(model=model) for model in tuned]
