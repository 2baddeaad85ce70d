"""Loops of a speech recogniser are shortened: lines, and phrases in a line."""

import pytest

from touchline.data.loops import drop_repeats, shorten_loops


@pytest.mark.parametrize(
    ("text", "shortened"),
    [
        ("Goal, goal, goal!", "Goal, goal, goal!"),
        ("Oh oh oh oh oh oh oh, what a save", "Oh what a save"),
        ("What a save! What a save! What a save!", "What a save!"),
        ("What a save! What a save!", "What a save! What a save!"),
        ("He shoots. I don't know, I don't know. I don't know! He scores.",
         "He shoots. I don't know, He scores."),
        ("one two three one two three", "one two three one two three"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_phrase_that_follows_itself_over_and_over_is_kept_once(text, shortened):
    assert shorten_loops(text) == shortened


def test_a_line_that_repeats_the_one_before_is_dropped():
    texts = ["Corner.", "corner", "Goal!", "Goal! Goal! Goal! Goal! Goal! Goal!", "Corner."]
    lines = [(float(second), second + 1.0, text) for second, text in enumerate(texts)]
    assert drop_repeats(lines).rows() == [
        (0.0, 1.0, "Corner."), (2.0, 3.0, "Goal!"), (4.0, 5.0, "Corner."),
    ]  # fmt: skip
