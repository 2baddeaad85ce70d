"""The words for actions: from the configuration's slugs to what prompts and answers say."""

# Slugs whose words are not simply their own; any other slug is read as it stands.
_NAMES = {
    "direct_free_kick": "Direct free-kick",
    "free_kick": "Free-kick",
    "indirect_free_kick": "Indirect free-kick",
    "kick_off": "Kick-off",
    "shots_off_target": "Shot off target",
    "shots_on_target": "Shot on target",
    "throw_in": "Throw-in",
    "yellow_red_card": "Second yellow card",
    "yellow_to_red_card": "Second yellow card",
}


def name(action: str) -> str:
    """Return the singular name of an action, as in "Shot on target"."""
    return _NAMES.get(action, action.replace("_", " ").capitalize())


def with_article(action: str) -> str:
    """Return the name with its indefinite article, as in "an Offside"."""
    word = name(action)
    return f"{'an' if word[:1] in 'AEIOU' else 'a'} {word}"
