"""Paths of a study's files as Snakemake patterns, and the type of the wildcards in them."""

from typing import Protocol

from touchline.core.config import WORKFLOW

SAMPLES = "results/samples/{match}.parquet"
LABELS = "results/labels/{match}.parquet"
COMMENTARY = "results/commentary/{match}.parquet"
FURTHER = "results/further_commentary/{match}.parquet"
TRANSCRIPT = "results/transcripts/{match}/{half}.json"
SCOREBOARD = "results/scoreboard/{match}/{half}.parquet"
CHUNKS = "results/chunks/{match}/{half}.parquet"
MODEL = "results/models/{model}"
PREDICTIONS = "results/predictions/{model}/{match}.parquet"
JOURNALS = "results/journal/*.sqlite"
THRESHOLDS = "results/scores/{model}.thresholds.csv"
LOSS = "results/figures/loss.svg"
OPEN_ANSWERS = "results/highlights/{query}/answers/{model}/{match}.parquet"
REEL = "results/highlights/{query}/reels/{match}"
REEL_PAGE = "results/highlights/{query}/index.html"

_TEMPLATES = WORKFLOW / "report"
# What the pages are made from besides tables: templates, styles and scripts.
REPORT_TEMPLATES = [_TEMPLATES / name for name in ("page.html.j2", "style.css")]
REEL_TEMPLATES = [
    _TEMPLATES / name for name in ("reel.html.j2", "reel.js", "reel.css", "style.css")
]


class Wildcards(Protocol):
    """The wildcards of one job's paths. Snakemake sets those that occur in the rule's output."""

    match: str
    half: str
    model: str
    base: str
    query: str
