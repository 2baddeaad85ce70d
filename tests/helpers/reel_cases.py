"""What the tests of reels show: spots, lines and the words of queries."""

import yaml

from project import ROOT
from touchline.reels.vocabulary import Vocabulary, read_words

LENGTH_S = 60.0
LINES = [(2, 18.0, 21.0, "What a <b>goal</b> that is!"), (1, 30.0, 32.0, "Corner kick.")]
SPOTS = [
    (1, "goal", 20.0, 0.9), (2, "goal", 20.0, 0.8), (2, "goal", 41.5, 0.6), (2, "corner", 30.0, 0.9),
    (2, "goal", 52.0, 0.2),
]  # fmt: skip
VOCABULARY = {
    "actions": ["corner", "foul", "goal"],
    **read_words(None),
}

# All labels apart, beside the two free-kicks together.
_LABELS = yaml.safe_load((ROOT / "config.yaml").read_text())["labels"]
ALL_ACTIONS = sorted({*_LABELS.values(), "direct_free_kick"})
QUERY_VOCABULARY = Vocabulary(ALL_ACTIONS, **read_words(None))
