"""Invented matches for tests: events by label, and what is on the pitch and the screen around them."""

from collections.abc import Iterable, Iterator

from touchline.demo.broadcast import motion, plan
from touchline.demo.broadcast.script import Event, Script, invent

SIZE = (398, 224)  # (width, height) of a frame
SHORT_S = 75.0  # the shortest half
# SoccerNet's labels of the study's seven actions.
STUDY_ACTIONS = {
    "Corner": "corner",
    "Shots on target": "shots on target",
    "Goal": "goal",
    "Clearance": "clearance",
    "Foul": "foul",
    "Direct free-kick": "free-kick",
    "Indirect free-kick": "free-kick",
    "Substitution": "substitution",
}


def events_with_label(
    label: str, seeds: Iterable[int] = range(8)
) -> Iterator[tuple[Script, Event]]:
    """Yield (script, event) of a label in a few matches, at least 8 s from the ends of the half."""
    for seed in seeds:
        script = invent(seed)
        for event in script.events:
            if event.label == label and 8 < event.time_s < script.half_s - 8:
                yield script, event


def ball_position(script: Script, event: Event, after_s: float) -> tuple[float, float]:
    """Return the ball's (u, v) in metres, in the coordinates of the event's side."""
    x, y, _ = motion.motion(script, event.half).ball(event.time_s + after_s)
    return plan.to_pitch(x, y, plan.direction(event.team, event.half))


def picture_at(script: Script, event: Event, after_s: float) -> str:
    """Return the kind of the camera cut on screen, "wide" where there is none."""
    time_s = event.time_s + after_s
    cuts = motion.motion(script, event.half).choreography.cuts
    return next((cut.kind for cut in cuts if cut.start_s <= time_s < cut.end_s), "wide")
