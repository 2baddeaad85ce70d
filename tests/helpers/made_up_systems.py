"""Made-up spotting systems with known quality, and what theory says of them and of two together.

Events of an action are a Poisson process. A system finds each with a probability, a little early or
late, and spots others that are none, as another Poisson process.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from touchline.core import schema
from touchline.data import spotting_json
from touchline.data.samples import make_samples
from touchline.models import external
from touchline.models.backend import Match

ACTIONS = ["goal", "corner"]
LABELS = {"Goal": "goal", "Corner": "corner"}
HALF_S = 1800.0
EVENTS_PER_S = 0.2 / 60


class System(NamedTuple):
    """A system: the share of the events that it finds, its false spots per second, its noise."""

    found: float
    false_per_s: float
    noise_s: float = 1.0

    def f1(self) -> float:
        """Return the F1 of all its spots."""
        return f1(EVENTS_PER_S * self.found, self.false_per_s)


def f1(hits_per_s: float, false_per_s: float) -> float:
    return 2 * hits_per_s / (EVENTS_PER_S + hits_per_s + false_per_s)


def f1_of_agreement(one: System, other: System, within_s: float) -> float:
    """Return the F1 of answering where both systems have a spot within so many seconds.

    An event counts where both found it, or one did and the other has a false spot nearby.
    """
    both = one.found * other.found
    near = 2 * within_s * np.array([other.false_per_s, one.false_per_s])
    by_chance = one.found * (1 - other.found) * near[0] + other.found * (1 - one.found) * near[1]
    return f1(EVENTS_PER_S * (both + by_chance), one.false_per_s * near[0])


def draw_match(number: int) -> Match:
    """Return a match of one half without commentary."""
    random = np.random.default_rng(number)
    events = [
        (1, float(time_s), action, action.capitalize(), None, None)
        for action in ACTIONS
        for time_s in random.uniform(0, HALF_S, random.poisson(EVENTS_PER_S * HALF_S))
    ]
    samples = make_samples(pl.DataFrame(schema=schema.COMMENTARY), {1: HALF_S}, ACTIONS, 60.0, 0.0)
    labels = pl.DataFrame(events, schema.LABELS, orient="row").sort("time_s")
    return Match(f"match{number:03d}", samples, labels)


def spots(system: System, match: Match, seed: int) -> pl.DataFrame:
    """Return what a system spots in a match (columns `spotting_json.SPOTS`)."""
    random = np.random.default_rng([seed, int(match.name[-3:])])
    rows = []
    for action in ACTIONS:
        true_s = match.events.filter(action=action)["time_s"].to_numpy()
        true_s = true_s[random.random(len(true_s)) < system.found]
        true_s = true_s + random.normal(0, system.noise_s, len(true_s))
        false_s = random.uniform(0, HALF_S, random.poisson(system.false_per_s * HALF_S))
        times_s = np.clip(np.concatenate([true_s, false_s]), 0, HALF_S - 1)
        rows += [(1, float(time_s), action.capitalize(), 0.5) for time_s in times_s]
    return pl.DataFrame(rows, spotting_json.SPOTS, orient="row")


def with_answers(matches: list[Match], systems: dict[str, System], folder: Path) -> list[Match]:
    """Return the matches with the systems' answers, which they publish in SoccerNet's format."""
    for seed, (name, system) in enumerate(systems.items()):
        for match in matches:
            spotting_json.write_spots(folder / name, match.name, spots(system, match, seed))
    models = {
        name: external.load({"path": str(folder / name), "labels": LABELS}, None)
        for name in systems
    }
    return [
        match._replace(answers={name: model.answer(match) for name, model in models.items()})
        for match in matches
    ]
