"""Invented commentary on a goal, as long as commentators speak of one."""

_GOAL = (
    "He shoots! And it's in! It's a goal!",
    "What a goal! 1-0!",
    "The opening goal of the game, and he scores again.",
    "The fans celebrate, and what a start for the home side.",
    "Let's have another look at it. The cross comes in, and he heads it past the goalkeeper.",
    "A great finish into the bottom corner of the net. Nothing the goalkeeper could do.",
    "That is his tenth goal of the season.",
    "So they lead by one goal to nil.",
)


def goal_lines(start_s: float) -> list[tuple[float, float, str]]:
    """Return the lines (start, end, text) in seconds; the goal is scored at `start_s`."""
    return [(start_s + 5 * n, start_s + 5 * n + 4.5, text) for n, text in enumerate(_GOAL)]
