"""Cases for tests of reels: spots, commentary lines, vocabularies and parsed queries."""

from pathlib import Path

import yaml

from project import ROOT
from touchline.reels.cutting.cut import Piece
from touchline.reels.query import parse_query
from touchline.reels.vocabulary import Vocabulary, read_vocabulary
from touchline.video.source import Source

LENGTH_S = 60.0
LINES = [(2, 18.0, 21.0, "What a <b>goal</b> that is!"), (1, 30.0, 32.0, "Corner kick.")]
SPOTS = [
    (1, "goal", 20.0, 0.9), (2, "goal", 20.0, 0.8), (2, "goal", 41.5, 0.6), (2, "corner", 30.0, 0.9),
    (2, "goal", 52.0, 0.2),
]  # fmt: skip
VOCABULARY = Vocabulary(["corner", "foul", "goal"], **read_vocabulary(None))

# The actions of the configuration, and a direct free-kick as an action of its own.
_LABELS = yaml.safe_load((ROOT / "config.yaml").read_text())["labels"]
ALL_ACTIONS = sorted({*_LABELS.values(), "direct_free_kick"})
QUERY_VOCABULARY = Vocabulary(ALL_ACTIONS, **read_vocabulary(None))


def parsed(text: str) -> dict:
    """Return a query as the plan passes it to the stage."""
    return parse_query(text, VOCABULARY).to_dict()


def pieces_of(path: Path, *pieces: tuple) -> list[Piece]:
    """Return pieces (start_s, end_s and perhaps a title) of one video, which is opened once."""
    source = Source(path)
    return [Piece(source, *piece) for piece in pieces]
