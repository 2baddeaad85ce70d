"""The words for actions: from the configuration's slugs to what prompts and answers say."""

import re

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

# What a name must not run into, to be that action.
_NOT_BEFORE = {"goal": "kick|line|post|mouth", "penalty": "area|box|spot"}


def name(action: str) -> str:
    """Return the singular name of an action, as in "Shot on target"."""
    return NAMES.get(action, action.replace("_", " ").capitalize())


def with_article(action: str) -> str:
    """Return the name with its indefinite article, as in "an Offside"."""
    word = name(action)
    return f"{'an' if word[:1] in 'AEIOU' else 'a'} {word}"


def words(action: str) -> list[str]:
    """Return the words of an action's name, in lower case."""
    return re.split(r"[\s-]+", name(action).lower())


def pattern(action: str) -> str:
    """Return a regular expression for the name as people write it: plural, slug, with hyphens."""
    spoken = r"[\s_-]?".join(f"{re.escape(word)}s?" for word in words(action))
    spoken = spoken.replace("targets?", "(?:target|goal)").replace("penaltys?", "penalt(?:y|ies)")
    follows = _NOT_BEFORE.get(action)
    return rf"\b{spoken}\b" + (rf"(?![\s_-]?(?:{follows}))" if follows else "")


def overlap(action: str, other: str) -> bool:
    """Say whether one name is a narrower one of the other, as a direct free-kick is of free-kick."""
    a, b = set(words(action)), set(words(other))
    return a <= b or b <= a
