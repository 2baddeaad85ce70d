"""What a model is trained on: the matches of the train split, read from the tables of the study."""

from collections.abc import Iterator

from tqdm import tqdm

from touchline.core import schema
from touchline.core.files import files_of_match
from touchline.models.backend import Match


def read_matches(
    matches: list[str], samples: str, labels: str, manifests: str | None, used: list[str]
) -> Iterator[Match]:
    """Yield the matches that were not set aside, and add their names to `used`.

    `samples` and `labels` are paths with `{match}`, `manifests` one with `{match}` and `*`. A match
    whose commentary was set aside has no samples.
    """
    for match in tqdm(matches, desc="reading", unit="match"):
        labels_path = labels.format(match=match)
        asked = schema.read(samples.format(match=match), schema.SAMPLES)
        if not schema.is_set_aside(labels_path) and not asked.is_empty():
            used.append(match)
            events = schema.read(labels_path, schema.LABELS)
            yield Match(match, asked, events, files_of_match(manifests, match) if manifests else [])
