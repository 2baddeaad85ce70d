"""Training data: the matches that a model is trained on, read from the tables of the study."""

from collections.abc import Iterator, Mapping

import polars as pl
from tqdm import tqdm

from touchline.core import schema
from touchline.core.files import files_of_match
from touchline.models.backend import Match, read_answers


def read_matches(
    matches: list[str],
    samples: str,
    labels: str,
    manifests: str | None,
    answers: Mapping[str, str],
    further: str | None,
    used: list[str],
) -> Iterator[Match]:
    """Yield the matches that were not set aside, and append their names to `used`.

    `samples` and `labels` are paths with `{match}`, `manifests` one with `{match}` and `*`, or None
    for models that read no video; `answers` are those of the models that are joined, by name; `further` is the path with
    `{match}` of further transcripts. A match whose commentary was set aside has no samples.
    """
    for match in tqdm(matches, desc="reading", unit="match"):
        labels_path = labels.format(match=match)
        match_samples = schema.read(samples.format(match=match), schema.SAMPLES)
        if not schema.is_set_aside(labels_path) and not match_samples.is_empty():
            used.append(match)
            events = schema.read(labels_path, schema.LABELS)
            yield Match(
                match,
                match_samples,
                events,
                files_of_match(manifests, match) if manifests else [],
                answers=read_answers(match, answers),
                further=_read_further(further, match),
            )


def _read_further(pattern: str | None, match: str) -> pl.DataFrame | None:
    """Return the further transcripts of a match, None where it has none."""
    files = files_of_match(pattern, match) if pattern else []
    return schema.read(files[0], schema.FURTHER) if files else None
