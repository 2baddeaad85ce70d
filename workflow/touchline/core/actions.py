"""Display names of the actions, which are slugs in the configuration and in tables."""

# SoccerNet's 17 actions, and `free_kick` for its two kinds of free-kick together. An action that is
# not listed is shown as its slug reads.
NAMES = {
    "ball_out_of_play": "Ball out of play",
    "clearance": "Clearance",
    "corner": "Corner",
    "direct_free_kick": "Direct free-kick",
    "foul": "Foul",
    "free_kick": "Free-kick",
    "goal": "Goal",
    "indirect_free_kick": "Indirect free-kick",
    "kick_off": "Kick-off",
    "offside": "Offside",
    "penalty": "Penalty",
    "red_card": "Red card",
    "second_yellow_card": "Second yellow card",
    "shots_off_target": "Shot off target",
    "shots_on_target": "Shot on target",
    "substitution": "Substitution",
    "throw_in": "Throw-in",
    "yellow_card": "Yellow card",
    "yellow_red_card": "Second yellow card",
    "yellow_to_red_card": "Second yellow card",
}


def action_name(action: str) -> str:
    """Return the singular name of an action, such as "Shot on target"."""
    return NAMES.get(action, action.replace("_", " ").capitalize())


def with_article(action: str) -> str:
    """Return the action's name with its indefinite article, such as "an Offside"."""
    name = action_name(action)
    return f"{'an' if name[:1] in 'AEIOU' else 'a'} {name}"
