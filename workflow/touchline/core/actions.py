"""The words for actions: from the configuration's slugs to what prompts and answers say."""

# SoccerNet's actions, and its two free-kicks together. The configuration may have others: their
# slugs are read as they stand.
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
    "shots_off_target": "Shot off target",
    "shots_on_target": "Shot on target",
    "substitution": "Substitution",
    "throw_in": "Throw-in",
    "yellow_card": "Yellow card",
    "yellow_red_card": "Second yellow card",
    "yellow_to_red_card": "Second yellow card",
}


def action_name(action: str) -> str:
    """Return the singular name of an action, as in "Shot on target"."""
    return NAMES.get(action, action.replace("_", " ").capitalize())


def with_article(action: str) -> str:
    """Return the name with its indefinite article, as in "an Offside"."""
    word = action_name(action)
    return f"{'an' if word[:1] in 'AEIOU' else 'a'} {word}"
